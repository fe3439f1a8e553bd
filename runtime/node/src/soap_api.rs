//! The admin services over SOAP: `POST /api/v1/soap`, and their WSDL at `GET /api/v1/soap?wsdl`. The same services, roles
//! and credentials as over JSON; `busker_admin::soap` binds them to elements.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Data, Payload as Body};
use actix_web::{HttpRequest, HttpResponse};
use busker_admin::soap::WSDL_NAME;
use busker_model::invocation::ReplyBody;
use busker_model::{Cid, Fault, ServiceName};
use busker_pipeline::{Encoded, ErrorStyle, SoapVersion, respond};

use crate::address::address;
use crate::answer::{answer, log, problem};
use crate::api::{Api, Invocation};
use crate::body;
use crate::front::soap_action;
use crate::patience::Turns;

/// Name in the log of a request whose operation is not known.
const UNKNOWN: &str = "soap";

pub(crate) async fn call(request: HttpRequest, body: Body, api: Data<Api>) -> HttpResponse {
    let _turn = request.conn_data::<Rc<Turns>>().map(Turns::enter);
    let cid = Cid::mint();
    let mut version = SoapVersion::guess(&[], content_type(&request));
    let encoded = match api.over_soap(&request, body, cid, &mut version).await {
        Ok(encoded) => encoded,
        Err(fault) => {
            log(cid, None, UNKNOWN, &fault);
            respond(&fault, cid, ErrorStyle::Soap(version), false)
        }
    };
    answer(cid, encoded)
}

pub(crate) async fn wsdl(request: HttpRequest, api: Data<Api>) -> HttpResponse {
    let cid = Cid::mint();
    if let Err(fault) = api.gatekeeper.principal(&request, cid).await {
        return problem(cid, &fault);
    }
    if !request.query_string().eq_ignore_ascii_case("wsdl") {
        let fault = Fault::not_found("say ?wsdl to read the WSDL, or POST a SOAP envelope");
        return problem(cid, &fault);
    }
    let text = api
        .binding
        .wsdl(WSDL_NAME, &address(&request, api.is_secure));
    HttpResponse::Ok()
        .content_type("text/xml; charset=utf-8")
        .body(text)
}

fn content_type(request: &HttpRequest) -> Option<&str> {
    request.headers().get(CONTENT_TYPE)?.to_str().ok()
}

impl Api {
    /// `version` becomes that of the envelope as soon as it is known, for whoever writes the fault.
    async fn over_soap(
        &self,
        request: &HttpRequest,
        body: Body,
        cid: Cid,
        version: &mut SoapVersion,
    ) -> Result<Encoded, Fault> {
        let principal = self.gatekeeper.principal(request, cid).await?;
        let raw = body::read(request, body, self.limits()).await?;
        let kind = content_type(request);
        *version = SoapVersion::guess(&raw, kind);
        let asked = self.binding.read(&raw, kind, soap_action(request))?;
        *version = asked.version;
        let operation = asked.operation;
        let service =
            ServiceName::new(&operation.name).map_err(|error| Fault::invalid(error.to_string()))?;
        self.may(&principal, service.as_str())?;
        let invocation = Invocation {
            cid,
            service,
            raw,
            payload: asked.input,
            principal: Arc::new(principal),
        };
        let reply = self.run(invocation).await?;
        let text = match &reply.body {
            ReplyBody::Json(text) => text.as_ref(),
            ReplyBody::Empty | ReplyBody::Raw(_) => b"{}",
        };
        self.binding.write(operation, asked.version, text)
    }
}
