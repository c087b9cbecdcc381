"""Tables of scores in the file formats that data sets come in."""
