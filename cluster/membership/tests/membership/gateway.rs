//! The gateway, asked as a session asks it: by bytes.

use std::sync::Arc;
use std::time::Duration;

use busker_kit::ractor::{ActorRef, pg};
use busker_kit::{Supervisor, SupervisorSpec, Tree, ask};
use busker_membership::MemberId;
use busker_membership::gateway::{self, Answer, GatewayMessage, Host, Question};
use busker_membership::limits::{
    ANSWER_BYTES, QUESTION_BYTES, QUESTIONS_AT_ONCE, QUESTIONS_WAITING,
};
use busker_model::report::{ActorInfo, ActorPath};
use busker_model::{ActorState, ErrorClass, Fault};
use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use tokio::sync::Semaphore;

const SOON: Duration = Duration::from_secs(10);

/// Answers pings when it is let, and trees with as many actors as are asked for.
#[derive(Debug)]
struct Slow(Arc<Semaphore>);

impl Host for Slow {
    fn answer(&self, question: Question) -> BoxFuture<'static, Result<Answer, Fault>> {
        let gate = Arc::clone(&self.0);
        async move {
            let Question::Tree { limit, .. } = question else {
                gate.acquire().await.unwrap().forget();
                return Ok(Answer::Done);
            };
            let actor = ActorInfo {
                path: ActorPath::root("node1").child("an actor with a rather long name"),
                kind: "actor".to_owned(),
                state: ActorState::Running,
                note: None,
                since_ms: 0,
                restarts: 0,
                last_error: None,
            };
            Ok(Answer::Tree(vec![actor; limit]))
        }
        .boxed()
    }
}

struct Bench {
    gateway: ActorRef<GatewayMessage>,
    gate: Arc<Semaphore>,
    _root: Supervisor,
}

impl Bench {
    async fn start() -> Self {
        let gate = Arc::new(Semaphore::new(0));
        let host: Arc<dyn Host> = Arc::new(Slow(Arc::clone(&gate)));
        let me = MemberId::new("node1", "1");
        let spec = SupervisorSpec::new("node1").child(gateway::spec(&me, &host));
        let (root, _end) = Supervisor::start_root(&Tree::new("node1"), spec)
            .await
            .unwrap();
        let group = pg::get_scoped_members(&"busker-gateways".to_owned(), &me.to_string());
        Self {
            gateway: ActorRef::from(group[0].clone()),
            gate,
            _root: root,
        }
    }

    async fn ask(&self, bytes: Vec<u8>) -> Answer {
        let asked = ask(&self.gateway, SOON, |reply| {
            GatewayMessage::Ask(bytes, reply)
        })
        .await;
        serde_json::from_slice(&asked.unwrap()).unwrap()
    }
}

fn bytes(question: &Question) -> Vec<u8> {
    serde_json::to_vec(question).unwrap()
}

fn class(answer: &Answer) -> Option<ErrorClass> {
    match answer {
        Answer::Refused { class, .. } => Some(*class),
        Answer::Done | Answer::Tree(_) => None,
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_answered_with_the_reason_and_not_dropped() {
    let bench = Bench::start().await;
    for (asked, expected) in [
        (b"\xff\xfe".to_vec(), ErrorClass::Invalid),
        (b"\"launch-missiles\"".to_vec(), ErrorClass::Invalid),
        (vec![b' '; QUESTION_BYTES + 1], ErrorClass::TooLarge),
    ] {
        assert_eq!(class(&bench.ask(asked).await), Some(expected));
    }
}

#[tokio::test]
async fn questions_beyond_the_bound_are_refused_as_busy_and_the_others_are_answered() {
    let bench = Bench::start().await;
    let most = QUESTIONS_AT_ONCE + QUESTIONS_WAITING;
    let extra = 10;
    let asked = (0..most + extra).map(|_| bench.ask(bytes(&Question::Ping)));
    let open = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        bench.gate.add_permits(most + extra);
    };
    let (answers, ()) = tokio::join!(join_all(asked), open);
    let refused = answers
        .iter()
        .filter(|answer| class(answer) == Some(ErrorClass::Busy))
        .count();
    let answered = answers
        .iter()
        .filter(|answer| **answer == Answer::Done)
        .count();
    assert_eq!(refused + answered, most + extra);
    // The queue may have been full before the desk took any.
    let most_refused = extra + QUESTIONS_AT_ONCE;
    assert!((1..=most_refused).contains(&refused), "{refused} refused");
}

#[tokio::test]
async fn an_answer_that_is_too_large_says_so_instead_of_ending_the_session() {
    let bench = Bench::start().await;
    let tree = |limit| {
        bytes(&Question::Tree {
            prefix: None,
            limit,
        })
    };
    let Answer::Tree(actors) = bench.ask(tree(3)).await else {
        panic!("a tree");
    };
    assert_eq!(actors.len(), 3);
    let too_many = ANSWER_BYTES / 100;
    assert_eq!(
        class(&bench.ask(tree(too_many)).await),
        Some(ErrorClass::TooLarge)
    );
}
