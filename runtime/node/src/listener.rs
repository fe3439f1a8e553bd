//! One HTTP listener. Owns: its socket, its worker threads and the server on them. Hears: the end of its server. Says:
//! nothing; its supervisor reports its life.
//! Dies when: its server ends by itself (crash), or it is stopped (normal): it then takes no new connection and lets
//! requests in flight finish. Restart: permanent, with the node's infrastructure.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use busker_kit::ractor::{Actor, ActorProcessingErr, ActorRef};
use busker_kit::{ChildSpec, Pump, PumpEnded, Shutdown};
use futures::future::BoxFuture;

/// Time beyond its drain that a listener has to end its threads.
const STOP_EXTRA: Duration = Duration::from_secs(5);

type Open = Arc<dyn Fn() -> io::Result<Opened> + Send + Sync>;

/// A listener that is bound.
pub(crate) struct Opened {
    pub(crate) server: Server,
    /// What goes on as long as it serves, such as a look at its certificate; never ends by itself.
    pub(crate) beside: BoxFuture<'static, ()>,
}

/// The child spec of a listener; `open` binds it, for every start.
pub(crate) fn spec(
    name: &'static str,
    drain: Duration,
    open: impl Fn() -> io::Result<Opened> + Send + Sync + 'static,
) -> ChildSpec {
    let open: Open = Arc::new(open);
    ChildSpec::actor(name, "listener", move |_seat| {
        (ListenerActor { name }, ListenerArgs(Arc::clone(&open)))
    })
    .shutdown(Shutdown::Graceful(drain + STOP_EXTRA))
}

#[derive(Debug)]
struct ListenerActor {
    name: &'static str,
}

struct ListenerArgs(Open);

struct ListenerState {
    server: ServerHandle,
    _serving: Pump,
}

impl fmt::Debug for ListenerArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ListenerArgs")
    }
}

impl Actor for ListenerActor {
    type Msg = PumpEnded;
    type State = ListenerState;
    type Arguments = ListenerArgs;

    async fn pre_start(
        &self,
        me: ActorRef<PumpEnded>,
        args: ListenerArgs,
    ) -> Result<ListenerState, ActorProcessingErr> {
        let Opened { server, beside } = (args.0)()?;
        let handle = server.handle();
        let name = self.name;
        let serve = async move {
            tokio::select! {
                ended = server => {
                    if let Err(error) = ended {
                        tracing::error!("listener {name}: {error}");
                    }
                }
                () = beside => {}
            }
        };
        let serving = Pump::vital("listener", me, serve);
        Ok(ListenerState {
            server: handle,
            _serving: serving,
        })
    }

    async fn handle(
        &self,
        _me: ActorRef<PumpEnded>,
        ended: PumpEnded,
        _state: &mut ListenerState,
    ) -> Result<(), ActorProcessingErr> {
        ended.crash()
    }

    async fn post_stop(
        &self,
        _me: ActorRef<PumpEnded>,
        state: &mut ListenerState,
    ) -> Result<(), ActorProcessingErr> {
        state.server.stop(true).await;
        Ok(())
    }
}
