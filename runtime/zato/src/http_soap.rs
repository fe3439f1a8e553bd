//! HTTP and SOAP, in and out. Zato has one family where we have two: `connection` says which.

use busker_model::invocation::Role::{Developer, Operator, Viewer};
use busker_model::{Family, Fault, Object, Transport};
use serde_json::{Map, Value, json};

use crate::call::{Call, identity};
use crate::ids;
use crate::row::{Answer, Row};

/// What Zato's forms send where no security definition is meant.
const NO_SECURITY: &str = "ZATO_NONE";
/// Our one kind of either family.
const HTTP: &[&str] = &["http"];

pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row::code("zato.http-soap.create", Developer, create)
            .takes(
                "cluster_id,name,is_active,connection,transport,is_internal,url_path \
                 | service,security_id,method,soap_action,soap_version,data_format,host",
            )
            .answers("id,name"),
        Row::code("zato.http-soap.delete", Developer, delete).takes("id"),
        Row::code("zato.http-soap.edit", Developer, edit)
            .takes(
                "id,cluster_id,name,is_active,connection,transport,url_path \
                 | service,security_id,method,soap_action,soap_version,data_format,host",
            )
            .answers("id,name"),
        Row::code("zato.http-soap.get-list", Viewer, list)
            .takes("cluster_id,connection,transport")
            .lists(
                "id,name,is_active,is_internal,url_path | service_id,service_name,security_id,security_name,sec_type,\
                 method,soap_action,soap_version,data_format,host",
            ),
        Row::code("zato.http-soap.ping", Operator, ping)
            .takes("id")
            .answers("info"),
    ]
}

/// Which way requests go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Channel,
    Outgoing,
}

impl Way {
    fn of(call: &Call) -> Result<Self, Fault> {
        match call.text("connection") {
            "channel" => Ok(Self::Channel),
            "outgoing" => Ok(Self::Outgoing),
            _ => Err(Fault::invalid("connection: must be channel or outgoing")),
        }
    }

    const fn family(self) -> Family {
        match self {
            Self::Channel => Family::Channel,
            Self::Outgoing => Family::Outgoing,
        }
    }

    fn service(self, verb: &str) -> String {
        format!("busker.{}.http.{verb}", self.family())
    }
}

fn transport(call: &Call) -> Result<Transport, Fault> {
    let word = call.text("transport");
    [Transport::PlainHttp, Transport::Soap]
        .into_iter()
        .find(|transport| transport.as_str() == word)
        .ok_or_else(|| Fault::invalid("transport: must be plain_http or soap"))
}

/// All settings that Zato has, so that an edit leaves none of the old ones behind. What it does not have stays as it is.
async fn settings(call: &Call, way: Way) -> Result<Map<String, Value>, Fault> {
    let transport = transport(call)?;
    let is_soap = transport == Transport::Soap;
    let mut settings = Map::new();
    let mut set = |name: &str, value: Value| drop(settings.insert(name.to_owned(), value));
    set("url_path", json!(call.text("url_path")));
    set("transport", json!(transport));
    set("security", json!(security(call).await?));
    set("method", json!(call.given("method")));
    set("soap_action", json!(call.text("soap_action")));
    let version = call.given("soap_version").filter(|_| is_soap);
    match way {
        Way::Channel => {
            set("service", json!(call.needed("service")?));
            set("soap_version", json!(version));
        }
        Way::Outgoing => {
            set("address", json!(call.needed("host")?));
            if let Some(version) = version {
                set("soap_version", json!(version));
            }
        }
    }
    match (is_soap, way, call.given("data_format")) {
        (true, _, _) => set("data_format", json!("xml")),
        (false, _, Some(format)) => set("data_format", json!(format)),
        // A channel of Zato's without a format hands the body over as it came.
        (false, Way::Channel, None) => set("data_format", json!("raw")),
        (false, Way::Outgoing, None) => set("data_format", Value::Null),
    }
    Ok(settings)
}

/// The name of the security definition with the id that was sent.
async fn security(call: &Call) -> Result<Option<String>, Fault> {
    if call.given("security_id") == Some(NO_SECURITY) {
        return Ok(None);
    }
    let Some(number) = call.number("security_id")? else {
        return Ok(None);
    };
    let objects = call.odb.objects();
    match objects.get_number(Family::Security, number).await {
        Ok(definition) => Ok(Some(definition.key.name)),
        Err(busker_odb::OdbError::NotFound(_)) => Err(Fault::invalid(format!(
            "security_id: there is no security definition with id [{number}]"
        ))),
        Err(error) => Err(error.into()),
    }
}

async fn create(call: Call) -> Answer {
    let way = Way::of(&call)?;
    let input = json!({
        "name": call.text("name"),
        "active": call.flag("is_active"),
        "settings": settings(&call, way).await?,
    });
    Ok(identity(&call.ours(&way.service("create"), input).await?))
}

async fn edit(call: Call) -> Answer {
    let way = Way::of(&call)?;
    let object = call.object(way.family(), HTTP).await?;
    let input = json!({
        "name": object.key.name,
        "transport": object.key.group,
        "new_name": call.text("name"),
        "active": call.flag("is_active"),
        "settings": settings(&call, way).await?,
    });
    Ok(identity(&call.ours(&way.service("edit"), input).await?))
}

async fn delete(call: Call) -> Answer {
    let (way, object) = match call.object(Family::Channel, HTTP).await {
        Ok(channel) => (Way::Channel, channel),
        Err(_) => (Way::Outgoing, call.object(Family::Outgoing, HTTP).await?),
    };
    let input = json!({"name": object.key.name, "transport": object.key.group});
    call.ours(&way.service("delete"), input).await
}

async fn list(call: Call) -> Answer {
    let (way, transport) = (Way::of(&call)?, transport(&call)?);
    let objects = call.every(&way.service("list")).await?;
    let definitions = call.definitions().await?;
    let of_transport = |object: &&Value| object["settings"]["transport"] == transport.as_str();
    let shown = objects.iter().filter(of_transport);
    Ok(shown.map(|object| row(object, &definitions)).collect())
}

fn row(object: &Value, definitions: &[Object]) -> Value {
    let settings = &object["settings"];
    let security = settings["security"].as_str();
    let definition = definitions
        .iter()
        .find(|definition| Some(definition.key.name.as_str()) == security);
    let service = settings["service"].as_str();
    // What Zato calls no format.
    let format = settings["data_format"]
        .as_str()
        .filter(|format| *format != "raw");
    json!({
        "id": object["number"],
        "name": object["name"],
        "is_active": object["active"],
        "is_internal": false,
        "url_path": settings["url_path"],
        "service_id": service.map(ids::service),
        "service_name": service,
        "security_id": definition.map(|definition| definition.number),
        "security_name": security,
        "sec_type": definition.map(|definition| sec_type(&definition.kind)),
        "method": settings["method"],
        "soap_action": settings["soap_action"],
        "soap_version": settings["soap_version"],
        "data_format": format,
        "host": settings["address"],
    })
}

/// Zato's word for a kind of security definition.
pub(crate) fn sec_type(kind: &str) -> &str {
    match kind {
        "basic-auth" => "basic_auth",
        "tech-account" => "tech_acc",
        other => other,
    }
}

async fn ping(call: Call) -> Answer {
    let object = call.object(Family::Outgoing, HTTP).await?;
    let input = json!({"name": object.key.name, "transport": object.key.group});
    let pinged = call.ours(&Way::Outgoing.service("ping"), input).await?;
    let message = pinged["message"].as_str().unwrap_or_default();
    Ok(json!({"info": format!("{message}\nResponse time: {} ms", pinged["ms"])}))
}
