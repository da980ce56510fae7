//! What a head claims, and the keys that the claim meets.

use std::sync::Arc;

use jiff::Timestamp;

use super::draft::Caller;
use super::grounds::Grounds;
use super::keyed::{Beside, Keyed, unproven};
use super::{Gate, Reason, Refusal, Request, judge_method};
use crate::auth::{Claim, Head, Uncertified, Verification, Verified};
use crate::directory::{Auth, Endpoint, Proof};
use crate::secrets::Keys;

impl Gate {
    /// What the head claims, if the endpoint takes such a request at all.
    pub(super) fn claim<'e>(
        &self,
        endpoint: &'e Arc<Endpoint>,
        caller: &Caller,
        request: &Request<'_>,
        head: &Head<'_>,
    ) -> Result<Option<(&'e Proof, Claim)>, Refusal> {
        let proof = match &endpoint.auth {
            // Who calls is proven, and nothing else is asked.
            _ if matches!(caller, Caller::Alone(_)) => None,
            Auth::Missing => return Err(Reason::AuthMissing.into()),
            Auth::Unauthenticated if !self.settings.allow_unauthenticated => {
                return Err(Reason::AuthMissing.into());
            }
            Auth::Unauthenticated => None,
            Auth::Proof(proof) => Some(proof),
        };
        let scheme = proof.map(|proof| &*proof.scheme);
        judge_method(request.method, scheme, &endpoint.methods).map_err(|reason| Refusal {
            allow: (reason == Reason::MethodNotAllowed).then(|| Arc::clone(endpoint)),
            ..reason.into()
        })?;
        proof
            .map(|proof| Ok((proof, Claim::read(&proof.scheme, head)?)))
            .transpose()
    }

    /// Notes which version of the endpoint's secret is still in use.
    pub(super) fn count_use(&self, endpoint: &Endpoint, verified: &Verified) {
        if let Auth::Proof(proof) = &endpoint.auth
            && let (Some(address), Some(version)) = (&proof.key, verified.version())
        {
            let now = self.clock.now();
            self.known.keys.uses().count(&address.secret, version, now);
        }
    }

    /// The claim meets the keys, at the time of its head. A token is settled here, before the body.
    pub(super) async fn key(
        &self,
        claim: Option<(&Proof, Claim)>,
        at: &mut Option<Timestamp>,
        grounds: &mut Grounds,
    ) -> Result<Keyed, Refusal> {
        let Some((proof, claim)) = claim else {
            return Ok(Keyed::waived());
        };
        let Some(address) = &proof.key else {
            let at = *at.get_or_insert_with(|| self.clock.now());
            let claim = Uncertified::new(&proof.scheme, claim, at);
            return Ok(Keyed::Uncertified(claim));
        };
        let Keys {
            ring,
            challenges,
            lacking,
            until,
        } = self.known.keys.keys_at_hand(address).await?;
        let at = *at.get_or_insert_with(|| self.clock.now());
        grounds.keys = Some(Arc::clone(&ring));
        grounds.ends_at(until);
        match Verification::begin(&proof.scheme, claim, ring, at) {
            Ok(begun) => {
                let beside = Beside {
                    lacking,
                    challenges,
                };
                Ok(Keyed::Begun(begun, beside))
            }
            Err(error) => Err(unproven(error, lacking)),
        }
    }
}
