//! Refused deliveries that the gate has kept.

use super::{Control, ControlError};
use crate::capture::Kept;
use crate::directory::EndpointId;

impl Control {
    /// The refused delivery with a request id, as raw HTTP.
    pub async fn capture(&self, id: &str) -> Result<(Kept, Vec<u8>), ControlError> {
        let found = self.store.kept_one(id, self.clock.now()).await?;
        found.ok_or_else(|| {
            let id = id.chars().filter(|c| !c.is_control());
            ControlError::CaptureNotFound(id.take(MAX_SHOWN_CHARS).collect())
        })
    }

    /// The refused deliveries of an endpoint, the newest first.
    pub async fn captures(&self, endpoint: &EndpointId) -> Result<Vec<Kept>, ControlError> {
        self.endpoint(endpoint).await?;
        let now = self.clock.now();
        Ok(self.store.kept(endpoint.as_str(), now).await?)
    }
}

const MAX_SHOWN_CHARS: usize = 128;
