//! WSDL that people uploaded, and where services are deployed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_model::invocation::ReplyBody;
use busker_model::invocation::Role::{Developer, Viewer};
use busker_model::{DataFormat, ErrorClass, Fault, Reply};
use serde_json::{Value, json};

use crate::call::Call;
use crate::ids;
use crate::row::{Answer, Row};
use crate::servers;

/// What a WSDL is on the wire.
const CONTENT_TYPE: &str = "application/xml";

pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row::code("zato.service.get-deployment-info-list", Viewer, deployments)
            .takes("id")
            .lists("server_id,server_name,details"),
        Row::code("zato.service.get-wsdl", Viewer, get)
            .takes("| service,cluster_id")
            .answers("content_type | wsdl,wsdl_name"),
        Row::code("zato.service.has-wsdl", Viewer, has)
            .takes("name,cluster_id")
            .answers("service_id,has_wsdl"),
        Row::code("zato.service.set-wsdl", Developer, set).takes("cluster_id,name,wsdl,wsdl_name"),
    ]
}

async fn get(call: Call) -> Answer {
    let name = call.needed("service")?;
    if call.context.request().data_format == DataFormat::Raw {
        // Where it is asked for as a file, Zato insists on this.
        call.id("cluster_id")?;
    }
    if call.context.ports().invoker.definition(name).is_none() {
        return Err(Fault::not_found(format!("Service [{name}] not found")));
    }
    let input = json!({"name": name});
    let kept = match call.ours("busker.service.get-wsdl", input).await {
        Err(fault) if fault.class == ErrorClass::NotFound => {
            return Err(Fault::not_found("No WSDL found"));
        }
        found => found?,
    };
    Ok(json!({
        "content_type": CONTENT_TYPE,
        "wsdl": kept["payload_base64"],
        "wsdl_name": kept["file"],
    }))
}

/// The answer about a WSDL as the WSDL itself, to be saved.
///
/// # Errors
/// `Internal` when it is no answer about a WSDL.
pub fn as_file(reply: Reply) -> Result<Reply, Fault> {
    let unread = |error: String| Fault::internal("the WSDL could not be read").operator(error);
    let ReplyBody::Json(text) = &reply.body else {
        return Ok(reply);
    };
    let found: Value = serde_json::from_slice(text).map_err(|error| unread(error.to_string()))?;
    let of = |field: &str| found[field].as_str().unwrap_or_default();
    let content = STANDARD
        .decode(of("wsdl"))
        .map_err(|error| unread(error.to_string()))?;
    let name: String = of("wsdl_name")
        .chars()
        .filter(|letter| letter.is_ascii_graphic() && *letter != '"')
        .collect();
    Ok(Reply {
        body: ReplyBody::Raw(content.into()),
        content_type: Some(of("content_type").to_owned()),
        headers: vec![(
            "Content-Disposition".to_owned(),
            format!("attachment; filename=\"{name}\""),
        )],
        ..Reply::default()
    })
}

async fn has(call: Call) -> Answer {
    let name = call.text("name");
    let known = call
        .ours("busker.service.has-wsdl", json!({"name": name}))
        .await?;
    Ok(json!({"service_id": ids::service(name), "has_wsdl": known["has_wsdl"]}))
}

async fn set(call: Call) -> Answer {
    let letters: String = call.text("wsdl").split_whitespace().collect();
    let input = json!({
        "name": call.text("name"),
        "file": call.text("wsdl_name"),
        "payload_base64": letters,
    });
    call.ours("busker.service.set-wsdl", input).await
}

/// What Zato calls details is JSON in a text.
async fn deployments(call: Call) -> Result<Value, Fault> {
    let name = call.service_of(call.id("id")?)?;
    let found = call
        .ours("busker.service.list-deployments", json!({"name": name}))
        .await?;
    let rows = found["deployments"].as_array().into_iter().flatten();
    Ok(rows
        .map(|row| {
            let node = row["node"].as_str().unwrap_or_default();
            let at = |field: &str| row[field].as_i64().and_then(servers::written);
            let details = json!({
                "object": row["file"],
                "timestamp": at("uploaded_ms").or_else(|| at("at_ms")),
                "remote_user": row["uploaded_by"],
                "state": row["state"],
                "sha256": row["sha256"],
            });
            json!({
                "server_id": ids::server(node),
                "server_name": node,
                "details": details.to_string(),
            })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wsdl_is_a_file_whose_name_cannot_leave_its_header() {
        let answer = json!({
            "content_type": CONTENT_TYPE, "wsdl": STANDARD.encode("<definitions/>"), "wsdl_name": "a\"\r\nX: b.wsdl",
        });
        let file = as_file(Reply::json(answer.to_string())).unwrap();
        assert_eq!(
            file.body,
            ReplyBody::Raw(b"<definitions/>".as_slice().into())
        );
        let disposition = &file.headers[0].1;
        assert_eq!(disposition, "attachment; filename=\"aX:b.wsdl\"");
        assert_eq!(as_file(Reply::default()).unwrap().body, ReplyBody::Empty);
    }
}
