//! Channels of one path that go by the element in the body: it is read before it is known whose request it is.

use actix_web::HttpRequest;
use busker_channels::Found;
use busker_model::Fault;
use busker_pipeline::{SoapVersion, soap_element};

use super::{Front, content_type};
use crate::body::Sent;

impl Front {
    /// Whose request it is, and its body, which is here now. The node's own bound holds for it, since no channel is known;
    /// so does the node's word that it is off traffic, before a byte is read.
    ///
    /// # Errors
    /// What is wrong with the body, and the version to say it in; `NotFound` when no channel takes its element.
    pub(super) async fn settle(
        &self,
        request: &HttpRequest,
        found: Found,
        sent: Sent,
    ) -> Result<(Found, Sent), (Fault, SoapVersion)> {
        let kind = content_type(request);
        let early = SoapVersion::guess(&[], kind);
        self.is_on_traffic().map_err(|fault| (fault, early))?;
        let raw = sent.whole(request, self.limits).await;
        let raw = raw.map_err(|fault| (fault, early))?;
        let version = SoapVersion::guess(&raw, kind);
        let element = soap_element(&raw, kind).map_err(|fault| (fault, version))?;
        let takes = |pattern: &str| {
            let named = element.as_ref();
            named.is_some_and(|element| element.is_called(pattern))
        };
        let settled = found.settled(takes).ok_or_else(|| {
            let name = element.as_ref().map(|element| element.name.as_str());
            let name = name.map_or_else(|| "an empty body".to_owned(), |name| format!("<{name}>"));
            let path = request.uri().path();
            (
                Fault::not_found(format!("no channel on {path:?} takes {name}")),
                version,
            )
        })?;
        Ok((settled, Sent::Here(raw)))
    }
}
