//! A fault as a SOAP fault, with class, cid and violations in an element of its detail that WSDL declares.

use busker_model::{Cid, Fault, Side};

use super::{exception_of, status_of};
use crate::decode::SoapVersion;
use crate::xml::soap::{MUST_UNDERSTAND, VERSION_MISMATCH};
use crate::xml::write;

/// Namespace of the element in the detail of a fault.
pub(crate) const FAULT_NAMESPACE: &str = "urn:busker:fault:1";

/// Status and body.
pub(super) fn fault(fault: &Fault, cid: Cid, version: SoapVersion, expose: bool) -> (u16, String) {
    let text = element(&fault.message);
    let detail = detail(fault, cid, expose);
    let code = code_of(fault, version);
    let inner = match version {
        SoapVersion::V11 => format!(
            "<soap:Fault><faultcode>soap:{code}</faultcode><faultstring>{text}</faultstring>\
             <detail>{detail}</detail></soap:Fault>"
        ),
        SoapVersion::V12 => format!(
            "<soap:Fault><soap:Code><soap:Value>soap:{code}</soap:Value></soap:Code><soap:Reason>\
             <soap:Text xml:lang=\"en\">{text}</soap:Text></soap:Reason><soap:Detail>{detail}</soap:Detail></soap:Fault>"
        ),
    };
    (status(fault, version), version.envelope(&inner))
}

fn detail(fault: &Fault, cid: Cid, expose: bool) -> String {
    let class = fault.class;
    let mut out =
        format!("<fault xmlns=\"{FAULT_NAMESPACE}\"><cid>{cid}</cid><class>{class}</class>");
    if let Some(code) = fault.code_str() {
        out.push_str(&format!("<code>{}</code>", element(code)));
    }
    let violations = fault.detail.as_ref().map(|detail| &detail.violations);
    if let Some(violations) = violations.filter(|violations| !violations.is_empty()) {
        out.push_str("<violations>");
        for one in violations {
            let (field, message) = (element(&one.field), element(&one.message));
            out.push_str(&format!(
                "<violation><field>{field}</field><message>{message}</message></violation>"
            ));
        }
        out.push_str("</violations>");
    }
    if let Some(exception) = exception_of(fault).filter(|_| expose) {
        let traceback = element(&exception.to_string());
        out.push_str(&format!("<traceback>{traceback}</traceback>"));
    }
    out.push_str("</fault>");
    out
}

/// Status and body of a fault as Zato wrote it: the cid stands in its text. Zato blamed the client for everything; who is to
/// blame is told here.
pub(super) fn zato(fault: &Fault, cid: Cid, details: &str) -> (u16, String) {
    let version = SoapVersion::V11;
    let (namespace, code) = (version.namespace(), code_of(fault, version));
    let text = element(&format!("cid [{cid}], faultstring [{details}]"));
    let body = format!(
        "<SOAP-ENV:Envelope xmlns:SOAP-ENV=\"{namespace}\"><SOAP-ENV:Body><SOAP-ENV:Fault><faultcode>SOAP-ENV:{code}\
         </faultcode><faultstring>{text}</faultstring></SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>"
    );
    (status(fault, version), body)
}

fn element(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Softened text has no character that could fail.
    drop(write::escape(&mut out, "fault", &write::softened(text)));
    out
}

fn code_of(fault: &Fault, version: SoapVersion) -> &'static str {
    let ours = fault.side != Side::Caller;
    match (fault.code_str(), version) {
        (Some(VERSION_MISMATCH), _) => "VersionMismatch",
        (Some(MUST_UNDERSTAND), _) => "MustUnderstand",
        (_, SoapVersion::V11) if ours => "Server",
        (_, SoapVersion::V11) => "Client",
        (_, SoapVersion::V12) if ours => "Receiver",
        (_, SoapVersion::V12) => "Sender",
    }
}

/// SOAP 1.1 asks for 500 with every fault, 1.2 for 500 with all but the sender's own. Refusals that HTTP clients and
/// balancers act on, most of them before an envelope was read, keep their status.
fn status(fault: &Fault, version: SoapVersion) -> u16 {
    let status = status_of(fault);
    let of_envelope = matches!(fault.code_str(), Some(VERSION_MISMATCH | MUST_UNDERSTAND));
    match (status, version) {
        (401 | 403 | 404 | 405 | 408 | 413 | 429 | 503, _) => status,
        (_, SoapVersion::V11) => 500,
        (_, SoapVersion::V12) if of_envelope || fault.side != Side::Caller => 500,
        (_, SoapVersion::V12) => 400,
    }
}
