"""A session for other programs: tables as CSV, and a bundle of FHIR R4B. Reads; judges nothing."""
