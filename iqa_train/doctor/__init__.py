"""What `iqa-train doctor` looks at, one file per subject. Files are read as they are; nothing that lasts is changed."""
