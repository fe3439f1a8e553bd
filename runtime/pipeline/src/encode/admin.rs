//! Answers of Zato's own services, which carry `zato_env` in every format, and have nothing else where there is nothing to say.

use busker_model::invocation::ReplyBody;
use busker_model::{Cid, DataFormat, Fault, Reply, Transport};
use bytes::Bytes;

use super::{EncodeContext, Encoded, declared_xml, encode};

/// Writes a reply of one of Zato's own services.
///
/// # Errors
/// As [`encode`].
pub fn encode_admin(context: EncodeContext<'_>, mut reply: Reply) -> Result<Encoded, Fault> {
    let is_empty = matches!(reply.body, ReplyBody::Empty);
    let is_xml = context.transport == Transport::Soap || context.format == DataFormat::Xml;
    if is_xml {
        if let Some(sio) = context.sio.filter(|_| is_empty) {
            reply.body = ReplyBody::Raw(declared_xml(context.cid, sio, "")?.into());
        }
        return encode(context, reply);
    }
    let is_text = matches!(reply.body, ReplyBody::Raw(_));
    let mut encoded = encode(context, reply)?;
    if !is_text {
        encoded.body = with_env(context.cid, &encoded.body);
        "application/json".clone_into(&mut encoded.content_type);
    }
    Ok(encoded)
}

/// Adds `zato_env` as the last member of an object, or makes one of it alone.
fn with_env(cid: Cid, body: &[u8]) -> Bytes {
    let env =
        format!("\"zato_env\":{{\"result\":\"ZATO_OK\",\"cid\":\"{cid}\",\"details\":\"\"}}}}");
    let members = body.trim_ascii().strip_suffix(b"}");
    match members.filter(|members| members.len() > 1) {
        Some(members) => [members, b",", env.as_bytes()].concat().into(),
        None => format!("{{{env}").into(),
    }
}
