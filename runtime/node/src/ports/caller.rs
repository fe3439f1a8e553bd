//! Invokes services as a channel would: decode, run, encode.

use std::sync::Arc;

use busker_admin::ports::{CallAnswer, ServiceCall, ServiceCaller};
use busker_model::invocation::HttpHead;
use busker_model::{ChannelKind, Cid, Fault, Request, Transport};
use busker_pipeline::{EncodeContext, Encoded, ErrorStyle, SoapVersion, decode, encode, respond};
use busker_service::ports::AsyncOptions;
use busker_service::{BoxFuture, Invoker};
use busker_services::Directory;

use crate::answer::log;

/// Runs the pipeline without a socket.
#[derive(Debug)]
pub(crate) struct Caller(pub(crate) Directory);

impl ServiceCaller for Caller {
    fn call(&self, call: ServiceCall) -> BoxFuture<'static, Result<CallAnswer, Fault>> {
        Box::pin(answer(self.0.clone(), call))
    }

    fn call_async(
        &self,
        call: ServiceCall,
        how: AsyncOptions,
    ) -> BoxFuture<'static, Result<Cid, Fault>> {
        let directory = self.0.clone();
        Box::pin(async move {
            let content_type = content_type(&call);
            let decoded = decode(
                call.data_format,
                call.transport,
                &call.body,
                content_type.as_deref(),
            )?;
            let request = Request {
                cid: call.cid,
                channel: ChannelKind::Api,
                data_format: call.data_format,
                transport: Some(call.transport),
                raw: call.body,
                payload: decoded.payload,
                params: call.params,
                principal: call.principal,
                ..Request::json(call.service, bytes::Bytes::new(), call.deadline)
            };
            directory.invoke_async(request, how).await
        })
    }
}

async fn answer(directory: Directory, call: ServiceCall) -> Result<CallAnswer, Fault> {
    let (cid, format, transport) = (call.cid, call.data_format, call.transport);
    let content_type = content_type(&call);
    let mut soap = (transport == Transport::Soap)
        .then(|| SoapVersion::guess(&call.body, content_type.as_deref()));
    let service = call.service.clone();
    let encoded = match exchange(&directory, call, content_type.as_deref(), &mut soap).await {
        Ok(encoded) => encoded,
        Err(fault) => {
            // A caller of the API who may invoke reads the message; the operator's part goes to the log, once.
            log(cid, None, service.as_str(), &fault);
            respond(&fault, cid, ErrorStyle::of(format, transport, soap), false)
        }
    };
    Ok(CallAnswer {
        status: encoded.status,
        content_type: encoded.content_type,
        body: encoded.body,
    })
}

fn content_type(call: &ServiceCall) -> Option<String> {
    let mut headers = call.headers.iter();
    let found = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    found.map(|(_, value)| value.clone())
}

async fn exchange(
    directory: &Directory,
    call: ServiceCall,
    content_type: Option<&str>,
    soap: &mut Option<SoapVersion>,
) -> Result<Encoded, Fault> {
    let (format, transport, cid) = (call.data_format, call.transport, call.cid);
    let decoded = decode(format, transport, &call.body, content_type)?;
    *soap = decoded.soap.or(*soap);
    let head = HttpHead {
        headers: call
            .headers
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect(),
        query: call.params.clone(),
        ..HttpHead::default()
    };
    let service = call.service.clone();
    let request = Request {
        cid,
        channel: ChannelKind::Api,
        data_format: format,
        transport: Some(transport),
        raw: call.body,
        payload: decoded.payload,
        params: call.params,
        http: Some(Arc::new(head)),
        principal: call.principal,
        depth: call.depth,
        ..Request::json(call.service, bytes::Bytes::new(), call.deadline)
    };
    let reply = directory.invoke(request).await?;
    let entry = directory.get(service.as_str());
    let context = EncodeContext {
        cid,
        format,
        transport,
        soap: *soap,
        sio: entry
            .as_ref()
            .and_then(|entry| entry.runner.definition().sio.as_ref()),
    };
    encode(context, reply)
}
