//! Invocations that were kept to be looked at.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_model::invocation::Role::{Developer, Operator, Viewer};
use serde_json::{Value, json};

use crate::call::Call;
use crate::ids;
use crate::row::{Answer, Row};
use crate::servers::written;

/// Slow invocations in one answer, as many as Zato kept.
const SLOW_SHOWN: i64 = 100;

pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row::code("zato.service.configure-request-response", Developer, configure)
            .takes("cluster_id,name,sample_req_resp_freq:i"),
        Row::code("zato.service.get-request-response", Operator, sample)
            .takes("cluster_id,name")
            .answers(
                "service_id,sample_req_resp_freq:i | sample_cid,sample_req_ts,sample_resp_ts,sample_req,sample_resp",
            ),
        Row::code("zato.service.slow-response.get", Operator, slow)
            .takes("cid,name")
            .answers("| cid,req_ts,resp_ts,proc_time:i,req,resp"),
        Row::code("zato.service.slow-response.get-list", Viewer, slow_list)
            .takes("name")
            .lists("cid,req_ts,resp_ts,proc_time:i"),
    ]
}

async fn configure(call: Call) -> Answer {
    let every = call.number("sample_req_resp_freq")?.unwrap_or_default();
    let input = json!({"name": call.text("name"), "every": every});
    call.ours("busker.sample.configure", input).await
}

/// When it began and ended, and how long that took, as Zato calls it.
fn times(kept: &Value) -> Value {
    let at = |field: &str| kept[field].as_i64().and_then(written);
    let took = kept["took_ms"].as_f64().unwrap_or_default().round();
    json!({
        "cid": kept["cid"],
        "req_ts": at("started_ms"),
        "resp_ts": at("ended_ms"),
        "proc_time": format!("{took:.0}"),
    })
}

/// The newest one.
async fn sample(call: Call) -> Answer {
    let name = call.text("name");
    let newest = json!({"name": name, "limit": 1});
    let page = call.ours("busker.sample.list", newest).await?;
    let mut answer = json!({
        "service_id": ids::service(name),
        "sample_req_resp_freq": page["every"],
    });
    let Some(kept) = page["invocations"].get(0) else {
        return Ok(answer);
    };
    let one = json!({"name": name, "cid": kept["cid"]});
    let whole = call.ours("busker.sample.get", one).await?;
    let times = times(&whole);
    let text = |side: &str| STANDARD.encode(whole[side]["text"].as_str().unwrap_or_default());
    answer["sample_cid"] = times["cid"].clone();
    answer["sample_req_ts"] = times["req_ts"].clone();
    answer["sample_resp_ts"] = times["resp_ts"].clone();
    answer["sample_req"] = json!(text("request"));
    answer["sample_resp"] = json!(text("response"));
    Ok(answer)
}

async fn slow(call: Call) -> Answer {
    let input = json!({"name": call.text("name"), "cid": call.text("cid")});
    let whole = call.ours("busker.slow-request.get", input).await?;
    let mut answer = times(&whole);
    answer["req"] = whole["request"]["text"].clone();
    answer["resp"] = whole["response"]["text"].clone();
    Ok(answer)
}

async fn slow_list(call: Call) -> Answer {
    let input = json!({"name": call.text("name"), "limit": SLOW_SHOWN});
    let page = call.ours("busker.slow-request.list", input).await?;
    let kept = page["invocations"].as_array().into_iter().flatten();
    Ok(kept.map(times).collect())
}
