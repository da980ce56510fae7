//! Sockets, TLS and HTTP, on Pingora. The proxy carries; the gate decides.
//!
//! ```text
//! listener → connection (HTTP/1: raw head under a deadline) or h2 → delivery
//!   ├ Gate::judge, over body
//!   ├ refused:  respond
//!   └ admitted: headers → Admitted::deliver, over forward (to the backend) and answer (to the sender)
//! ```
//!
//! `forward` implements the gate's transport, and `answer` the answer's body and the sender's side.

mod answer;
mod body;
pub mod chunked;
mod client;
mod connection;
mod delivery;
mod fault;
mod filter;
mod forward;
mod h1_response;
mod h2;
mod h2_fields;
mod h2_frames;
mod h2_io;
mod h2_response;
mod h2_streams;
mod head;
mod head_scanner;
mod headers;
mod listener;
mod names;
mod outcome;
mod pem;
mod raw_head;
mod reply;
mod reset;
mod respond;
mod settings;
mod tls;
mod upstream;

pub use self::answer::BackendBody;
pub use self::client::TrustedProxies;
pub use self::delivery::Delivery;
pub use self::filter::{belongs_to_others, covers_others, describes_body};
pub use self::forward::Forwarder;
pub use self::h2_frames::{FrameEvent, H2Frames, StreamFaults};
pub use self::head::RequestHead;
pub use self::head_scanner::HeadScanner;
pub use self::listener::{BoundListener, LISTENERS, ListenError, PublicApp, bind};
pub use self::names::{HeaderNames, HeaderNamesError, NAMES, WITHHELD};
pub use self::pem::{authorities, client_certificate};
pub use self::raw_head::{Framing, HeadFault, HeadLimits};
pub use self::respond::{retry_after_seconds, status_and_body};
pub use self::settings::PublicSettings;
pub use self::tls::TlsFiles;
pub use self::upstream::{Upstream, UpstreamSettings, UpstreamTimeouts, UpstreamTls};
pub use crate::gate::{AddressFault, UpstreamFault};
