"""pumpd: safe, honest control of a supervised infusion. Not a certified medical device."""
