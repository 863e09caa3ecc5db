"""One session as a report, in HTML and in PDF. One content, one layout of each chart, two ways to write them down."""
