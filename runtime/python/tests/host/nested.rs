//! Services that call services of other processes, and what a request says of itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use busker_kit::clock;
use busker_model::{ChannelKind, ErrorClass, Request, ServiceName, Side};
use serde_json::{Value, json};

use crate::support::{Node, text};

/// The same service twice, in the caller's pool and in another.
const NEAR_AND_FAR: &str = r"
from zato.server.service import Service
class Near(Service):
    name = 'test.near'
    class SimpleIO:
        response_elem = 'customer'
        output_required = ('id', 'name')
    def handle(self):
        self.response.payload = {'id': 7, 'name': 'Ann'}
class Far(Near):
    name = 'test.far'
    class Busker:
        pool = 'reports'
class Plain(Service):
    name = 'test.plain'
    class Busker:
        pool = 'reports'
    def handle(self):
        self.response.payload = {'id': 7}
class Ask(Service):
    name = 'test.ask'
    def handle(self):
        near, far = self.invoke('test.near'), self.invoke('test.far')
        self.response.payload = {'near': near, 'far': far, 'plain': self.invoke('test.plain'),
            'name': far.customer.name}
";

async fn ask(node: &Node, service: &str) -> Value {
    let reply = node.call(service, "{}").await.unwrap();
    serde_json::from_str(&text(&reply)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_from_another_process_is_in_its_response_element_too() {
    let node = Node::start(1).await;
    node.load(1, NEAR_AND_FAR).await;
    let got = ask(&node, "test.ask").await;
    let expected = json!({"customer": {"id": 7, "name": "Ann"}});
    assert_eq!(got["near"], expected, "{got}");
    assert_eq!(got["far"], expected, "{got}");
    assert_eq!(got["plain"], json!({"id": 7}), "{got}");
    assert_eq!(got["name"], "Ann", "{got}");
}

const RAISING: &str = r"
from zato.common import BadRequest, Forbidden, HTTPException, MethodNotAllowed, NotFound, TooManyRequests, Unauthorized
from zato.server.service import Service
WAYS = {
    'bad': lambda cid: BadRequest(cid, 'the symbol is odd'), 'who': lambda cid: Unauthorized(cid, 'who?'),
    'no': lambda cid: Forbidden(cid, 'not you'), 'none': lambda cid: NotFound(cid, 'no such symbol'),
    'verb': lambda cid: MethodNotAllowed(cid, 'no PUT'), 'often': lambda cid: TooManyRequests(cid, 'slowly'),
    'gateway': lambda cid: HTTPException(cid, 'the bank is away', 502), 'slow': lambda cid: HTTPException(cid, 'late', 504),
    'odd': lambda cid: HTTPException(cid, 'a teapot', 418), 'bug': lambda cid: HTTPException(cid, 'a secret', 500),
}
class Raise(Service):
    name = 'test.raise'
    class Busker:
        pool = 'reports'
    def handle(self):
        raise WAYS[self.request.payload.way](self.cid)
class Pass(Service):
    name = 'test.pass'
    def handle(self):
        self.invoke('test.raise', self.request.payload)
";

#[tokio::test(flavor = "multi_thread")]
async fn an_http_error_of_a_service_is_a_fault_of_its_class_however_far_it_travels() {
    let node = Node::start(1).await;
    node.load(1, RAISING).await;
    let cases = [
        ("bad", ErrorClass::Invalid, 400, "the symbol is odd"),
        ("who", ErrorClass::Unauthenticated, 401, "who?"),
        ("no", ErrorClass::Forbidden, 403, "not you"),
        ("none", ErrorClass::NotFound, 404, "no such symbol"),
        ("verb", ErrorClass::Invalid, 405, "no PUT"),
        ("often", ErrorClass::Busy, 429, "slowly"),
        ("gateway", ErrorClass::Unavailable, 502, "the bank is away"),
        ("slow", ErrorClass::Timeout, 504, "late"),
        ("odd", ErrorClass::Invalid, 418, "a teapot"),
        ("bug", ErrorClass::Internal, 500, "failed with"),
    ];
    for (way, class, status, message) in cases {
        let payload = json!({ "way": way }).to_string();
        for service in ["test.raise", "test.pass"] {
            let fault = node.call(service, &payload).await.unwrap_err();
            let detail = fault.detail.as_ref().unwrap();
            assert_eq!(
                (fault.class, detail.status),
                (class, Some(status)),
                "{fault:?}"
            );
            assert!(fault.message.contains(message), "{fault:?}");
            if service == "test.raise" {
                let remote = fault.side == Side::Remote;
                assert_eq!(remote, way == "gateway", "{way} {fault:?}");
            }
        }
    }
}

/// `outer` catches what `middle`, in another process, did not: an error of `inner`, which runs inside `middle`.
const DEEP: &str = r"
import sys, traceback
from zato.server.service import Service
class Inner(Service):
    name = 'test.inner'
    class Busker:
        pool = 'reports'
    def handle(self):
        balance = 41
        raise LookupError('no balance')
class Middle(Service):
    name = 'test.middle'
    class Busker:
        pool = 'reports'
    def handle(self):
        try:
            self.invoke('test.inner')
        except LookupError as error:
            last = error.__traceback__
            while last.tb_next:
                last = last.tb_next
            if last.tb_frame.f_locals['balance'] != 41:
                raise AssertionError('the frame has lost its locals')
            raise
class Outer(Service):
    name = 'test.outer'
    def handle(self):
        try:
            self.invoke('test.middle')
        except Exception as error:
            self.response.payload = {'text': traceback.format_exc(), 'type': error.remote_type}
";

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_keeps_its_live_frames_in_its_process_and_their_text_beyond() {
    let node = Node::start(1).await;
    node.load(1, DEEP).await;
    let got = ask(&node, "test.outer").await;
    let text = got["text"].as_str().unwrap();
    assert_eq!(got["type"], "LookupError", "{got}");
    for line in [
        "self.invoke('test.middle')",
        "self.invoke('test.inner')",
        "raise LookupError('no balance')",
        "no balance",
    ] {
        assert!(text.contains(line), "{line} is missing in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inactive_connection_raises_inactive_in_both_faces() {
    let source = r"
import zato.common
from busker import Ctx, Unavailable, service
from zato.server.service import Service
class Classic(Service):
    name = 'test.classic'
    def handle(self):
        try:
            self.outgoing.plain_http.get('asleep').conn.get(self.cid)
        except zato.common.Inactive as error:
            self.response.payload = {'caught': str(error)}
@service(name='test.typed')
def typed(ctx: Ctx) -> str:
    try:
        ctx.http('asleep').get()
    except Unavailable as error:
        return str(error)
    return 'nothing was raised'
";
    let node = Node::start(1).await;
    node.load(1, source).await;
    let words = "outgoing connection \"asleep\" is inactive";
    assert_eq!(ask(&node, "test.classic").await, json!({ "caught": words }));
    let typed = node.call("test.typed", "{}").await.unwrap();
    assert_eq!(text(&typed), words);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_knows_the_way_a_request_came() {
    let source = r"
from zato.server.service import Service
class Way(Service):
    name = 'test.way'
    def before_job(self):
        self.environ['job'] = True
    def handle(self):
        self.response.payload = {'channel': self.channel, 'job': self.environ.get('job', False), 'type': self.job_type}
";
    let node = Node::start(1).await;
    node.load(1, source).await;
    let channels = [
        ChannelKind::HttpSoap,
        ChannelKind::Invoke,
        ChannelKind::InvokeAsync,
        ChannelKind::Api,
        ChannelKind::Scheduler,
        ChannelKind::Amqp,
        ChannelKind::JmsWmq,
        ChannelKind::Zmq,
    ];
    for channel in channels {
        let name = ServiceName::new("test.way").unwrap();
        let end = clock::now() + Duration::from_secs(10);
        let mut request = Request::json(name, "{}".into(), end);
        request.channel = channel;
        let reply = node.send(request).await.unwrap();
        let got: Value = serde_json::from_str(&text(&reply)).unwrap();
        // The kind of job is not part of a request yet: hooks for any job run, those for one kind do not.
        let job = channel == ChannelKind::Scheduler;
        assert_eq!(
            got,
            json!({"channel": channel.as_str(), "job": job, "type": null})
        );
    }
}
