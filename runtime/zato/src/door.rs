//! Zato's endpoints: which service a path stands for, who may come by it, and in which format it speaks.

use busker_model::{DataFormat, Transport};
use busker_pipeline::{ErrorStyle, SoapVersion};

/// What all paths of the face start with; whatever else is below it belongs to the face as well.
pub const BELOW: &str = "/zato/";

/// What an endpoint asks for: credentials of the security definition of that name, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsksFor {
    /// Nothing.
    Nothing,
    /// Nothing, and who comes reads what viewers may: the one service behind it says only what is for everybody.
    Reading,
    /// HTTP Basic Auth.
    BasicAuth(&'static str),
    /// WS-Security.
    Wss(&'static str),
}

/// Definition in front of the public services.
pub const PUBAPI: &str = "pubapi";
/// Definition in front of the endpoint by which any service is invoked.
pub const ADMIN_INVOKE: &str = "admin.invoke";

/// Definition in front of the ping by WS-Security, named after its endpoint as in Zato.
pub const WSS_PING: &str = "zato.ping.soap.wss.clear_text";

/// An endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Door<'a> {
    /// Service behind it.
    pub service: &'a str,
    /// Who may come.
    pub asks_for: AsksFor,
    /// Format of bodies.
    pub format: DataFormat,
    /// Envelope of bodies.
    pub transport: Transport,
    /// Whether parameters of the query are input, and the answer is a file.
    pub is_file: bool,
}

impl Door<'_> {
    /// The shape of errors; `soap` is the version of the request when it could be read.
    #[must_use]
    pub fn errors(&self, soap: Option<SoapVersion>) -> ErrorStyle {
        match (self.transport, self.format, soap) {
            (Transport::Soap, _, Some(SoapVersion::V12)) => ErrorStyle::Soap(SoapVersion::V12),
            (Transport::Soap, _, _) => ErrorStyle::ZatoSoap,
            (Transport::PlainHttp, DataFormat::Json, _) => ErrorStyle::Zato,
            (Transport::PlainHttp, DataFormat::Xml | DataFormat::Form | DataFormat::Raw, _) => {
                ErrorStyle::ZatoText
            }
        }
    }

    const fn json(service: &'static str, asks_for: AsksFor) -> Self {
        Self {
            service,
            asks_for,
            format: DataFormat::Json,
            transport: Transport::PlainHttp,
            is_file: false,
        }
    }
}

/// The endpoint of a path below [`BELOW`]; `action` is the SOAP action, without quotes. `None` when there is none, or it
/// does not stand for one of Zato's services.
#[must_use]
pub fn find<'a>(path: &'a str, action: &'a str) -> Option<Door<'a>> {
    let pubapi = AsksFor::BasicAuth(PUBAPI);
    let soap = |service, asks_for| Door {
        service,
        format: DataFormat::Xml,
        transport: Transport::Soap,
        ..Door::json("", asks_for)
    };
    let place = path.strip_prefix(BELOW)?;
    let door = match place {
        "soap" => soap(action, pubapi),
        "admin/invoke" => Door::json("zato.service.invoke", AsksFor::BasicAuth(ADMIN_INVOKE)),
        "wsdl" => Door {
            format: DataFormat::Raw,
            is_file: true,
            ..Door::json("zato.service.get-wsdl", AsksFor::Reading)
        },
        "ping" => Door::json("zato.ping", AsksFor::Nothing),
        "ping.plain_http.basic_auth" => Door::json("zato.ping", pubapi),
        "ping.soap.basic_auth" => soap("zato.ping", pubapi),
        "ping.soap.wss.clear_text" => soap("zato.ping", AsksFor::Wss(WSS_PING)),
        other => {
            let (format, service) = other.split_once('/')?;
            let format = match format {
                "json" => DataFormat::Json,
                // Zato leaves plain XML to channels of one's own; here it is beside JSON.
                "xml" => DataFormat::Xml,
                _ => return None,
            };
            Door {
                service,
                format,
                ..Door::json("", pubapi)
            }
        }
    };
    crate::is_zatos(door.service).then_some(door)
}

/// What Zato says of a path, or of a SOAP action, that nothing stands behind.
#[must_use]
pub fn nothing(path: &str, action: &str) -> String {
    format!("URL:[{path}] or SOAP action:[{action}] doesn't exist")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_endpoint_of_zato_has_its_service_and_what_it_asks_for() {
        let basic = AsksFor::BasicAuth;
        let rows = [
            ("/zato/ping", "", "zato.ping", AsksFor::Nothing),
            ("/zato/json/zato.ping", "", "zato.ping", basic("pubapi")),
            ("/zato/xml/zato.ping", "", "zato.ping", basic("pubapi")),
            ("/zato/soap", "zato.ping", "zato.ping", basic("pubapi")),
            (
                "/zato/admin/invoke",
                "",
                "zato.service.invoke",
                basic("admin.invoke"),
            ),
            ("/zato/wsdl", "", "zato.service.get-wsdl", AsksFor::Reading),
            (
                "/zato/ping.plain_http.basic_auth",
                "",
                "zato.ping",
                basic("pubapi"),
            ),
            (
                "/zato/ping.soap.basic_auth",
                "any",
                "zato.ping",
                basic("pubapi"),
            ),
            (
                "/zato/ping.soap.wss.clear_text",
                "",
                "zato.ping",
                AsksFor::Wss("zato.ping.soap.wss.clear_text"),
            ),
        ];
        for (path, action, service, asks_for) in rows {
            let door = find(path, action).unwrap_or_else(|| panic!("{path}"));
            assert_eq!((door.service, door.asks_for), (service, asks_for), "{path}");
        }
    }

    #[test]
    fn nothing_but_zatos_own_services_stands_behind_them() {
        for (path, action) in [
            ("/zato/json/busker.service.deploy", ""),
            ("/zato/json/", ""),
            ("/zato/soap", ""),
            ("/zato/soap", "busker.service.deploy"),
            ("/zato/xml/stockmarket.get-market-cap", ""),
            ("/zato/", ""),
            ("/zato/yaml/zato.ping", ""),
            ("/other", ""),
        ] {
            assert_eq!(find(path, action), None, "{path} {action}");
        }
    }
}
