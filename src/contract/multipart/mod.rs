//! Bodies of several parts, `multipart/form-data` (RFC 7578, RFC 2046 §5.1), looked through as they arrive.
//!
//! The body is held in one piece anyway, until it is proven. So what is found is kept as places in it, and
//! nothing is copied. The kept library for this, `multer`, takes owned pieces, holds a part's headers and
//! what stands before the first part without a bound, and finds the end of headers anew with each piece.

mod boundary;
mod headers;
mod parts;
mod scanner;

pub use self::boundary::boundary_of;
pub use self::parts::{MultipartLimits, Parts, ScanFault};
pub use self::scanner::Scanner;
