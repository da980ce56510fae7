//! The Pingora side: sockets, HTTP, the way to the backend. It decides nothing.
//!
//! ```text
//! listener → connection (HTTP/1: raw head under a deadline) or h2 → delivery
//!                                                                     ├ gate::judge
//!                                                                     ├ refused:  respond
//!                                                                     └ admitted: headers → forward
//! ```
//!
//! How a delivery is forwarded is the business of `forward` alone: it takes a head and a body that were
//! admitted and says what became of them.

mod answer;
mod body;
pub mod chunked;
mod client;
mod connection;
mod delivery;
mod ended;
mod fault;
mod filter;
mod forward;
mod h2;
mod h2_fields;
mod h2_frames;
mod h2_io;
mod h2_streams;
mod head;
mod head_scanner;
mod headers;
mod listener;
mod names;
mod parcel;
mod pem;
mod raw_head;
mod record;
mod reply;
mod respond;
mod settings;
mod tls;
mod token;
mod upstream;

pub use self::client::TrustedProxies;
pub use self::delivery::Delivery;
pub use self::fault::{FaultAt, UpstreamFault};
pub use self::filter::{belongs_to_others, covers_others, describes_body};
pub use self::forward::Forwarder;
pub use self::h2_frames::{H2Frames, Received, StreamFaults};
pub use self::head::RequestHead;
pub use self::head_scanner::HeadScanner;
pub use self::listener::{Bound, LISTENERS, ListenError, PublicApp, bind};
pub use self::names::{HeaderNames, InvalidHeaderNames, NAMES, WITHHELD};
pub use self::pem::{authorities, client_certificate};
pub use self::raw_head::{Framing, HeadFault, HeadLimits};
pub use self::respond::{retry_after_seconds, status_and_body};
pub use self::settings::PublicSettings;
pub use self::tls::TlsFiles;
pub use self::upstream::{Upstream, UpstreamSettings, UpstreamTimeouts, UpstreamTls};
