//! `GET <path>?wsdl` of a SOAP channel: the WSDL that was uploaded for its service, else the generated one. As in Zato it
//! takes no credentials: it says how to call, and calling needs them.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::Method;
use busker_channels::Route;
use busker_model::{Cid, Fault, Transport};
use busker_odb::Odb;
use busker_pipeline::{Encoded, ErrorStyle, params, respond, wsdl};
use tokio::sync::Semaphore;

use super::{Front, version_of, waiting};
use crate::address::address;
use crate::answer::log;

/// Documents made at once: anybody may ask for them, and each is read from the database.
const DOCUMENTS_AT_ONCE: usize = 8;
/// Seconds a caller is told to wait when that many are being made.
const RETRY_AFTER_S: u32 = 1;
/// Without a charset: the document says its own.
const CONTENT_TYPE: &str = "text/xml";

/// Where documents come from. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Documents {
    odb: Odb,
    permits: Arc<Semaphore>,
    is_secure: bool,
}

impl Documents {
    /// Reads uploads from the database; `is_secure` says whether the listener speaks TLS.
    pub(crate) fn new(odb: Odb, is_secure: bool) -> Self {
        Self {
            odb,
            permits: Arc::new(Semaphore::new(DOCUMENTS_AT_ONCE)),
            is_secure,
        }
    }
}

impl Front {
    /// The answer, when a WSDL is asked for and a SOAP channel is there.
    pub(super) async fn document(&self, request: &HttpRequest, cid: Cid) -> Option<Encoded> {
        let named = asked_for(request)?;
        let mut routes = self.mount.on(request.uri().path());
        routes.retain(|route| route.settings.transport == Transport::Soap);
        if routes.is_empty() {
            return None;
        }
        let made = self.made(request, &routes, &named).await;
        Some(made.unwrap_or_else(|fault| {
            log(cid, None, "", &fault);
            respond(&fault, cid, ErrorStyle::Problem, false)
        }))
    }

    async fn made(
        &self,
        request: &HttpRequest,
        routes: &[Arc<Route>],
        named: &str,
    ) -> Result<Encoded, Fault> {
        let route = chosen(routes, named)?;
        self.is_open(route)?;
        let _permit = self.documents.permits.try_acquire().map_err(|_| {
            Fault::busy(
                format!("{DOCUMENTS_AT_ONCE} documents are being made"),
                RETRY_AFTER_S,
            )
        })?;
        let service = route.service.as_str();
        let uploaded = self.documents.odb.wsdls().content(service).await?;
        let body = match uploaded {
            Some(uploaded) => uploaded,
            None => self.generated(request, route)?.into_bytes(),
        };
        Ok(Encoded {
            status: 200,
            content_type: CONTENT_TYPE.to_owned(),
            body: body.into(),
            headers: Vec::new(),
        })
    }

    fn generated(&self, request: &HttpRequest, route: &Route) -> Result<String, Fault> {
        let entry = self.directory.get(route.service.as_str());
        let entry = entry.ok_or_else(|| waiting(route))?;
        let settings = &route.settings;
        let exposed = wsdl::Exposed {
            address: &address(request, self.documents.is_secure),
            action: &settings.soap_action,
            element: &settings.soap_element,
            version: version_of(settings),
        };
        Ok(wsdl::of_service(entry.runner.definition(), exposed))
    }
}

/// The channel that `?wsdl=NAME` names, empty when `?wsdl` names none; `None` when no WSDL is asked for.
fn asked_for(request: &HttpRequest) -> Option<String> {
    if request.method() != Method::GET || request.query_string().is_empty() {
        return None;
    }
    let pairs = params::read_pairs(request.query_string().as_bytes()).ok()?;
    let mut pairs = pairs.into_iter();
    let (_, named) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("wsdl"))?;
    Some(named)
}

fn chosen<'r>(routes: &'r [Arc<Route>], named: &str) -> Result<&'r Arc<Route>, Fault> {
    let names = || {
        let mut names: Vec<&str> = routes.iter().map(|route| route.name.as_str()).collect();
        names.sort_unstable();
        names.join(", ")
    };
    match routes {
        [one] if named.is_empty() => Ok(one),
        several if named.is_empty() => Err(Fault::invalid(format!(
            "wsdl: {} SOAP channels are on this path; say ?wsdl=NAME with one of {}",
            several.len(),
            names()
        ))),
        all => all.iter().find(|route| route.name == named).ok_or_else(|| {
            Fault::not_found(format!(
                "wsdl: {named:?} is none of the channels here: {}",
                names()
            ))
        }),
    }
}
