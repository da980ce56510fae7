//! Scans `multipart/form-data` bodies (RFC 7578, RFC 2046 §5.1) while they arrive.
//!
//! The body stays in memory in one piece until it is proven, so parts are ranges of it and nothing is copied. The
//! crate `multer` needs owned pieces, bounds neither headers nor preamble, and searches headers again with each piece.

mod boundary;
mod headers;
mod parts;
mod scanner;

pub use self::boundary::boundary_of;
pub use self::parts::{MultipartError, MultipartLimits, Parts};
pub use self::scanner::Scanner;
