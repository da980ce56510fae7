//! The program; the command line comes with the parts that it drives.

fn main() {}
