//! Dependencies from lock files and from inside packages, matched offline against known vulnerabilities.
