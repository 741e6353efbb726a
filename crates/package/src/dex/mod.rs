//! Dalvik executables: the file format, and a representation of the program that analyses stand on.
