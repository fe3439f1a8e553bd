//! The deployer. Owns: what this node serves of the cluster's packages, one generation per engine. Hears: orders
//! through a bounded queue, hints of the database, and a tick. Says: changes to the family of services, events, the
//! status of each package on this node.
//! Dies when: its work panics (crash); trouble with the database or an engine is a state. Restart: permanent; a fresh
//! one reads the database and loads everything anew, and the generation before it serves until then.

use std::sync::Arc;
use std::time::Duration;

use busker_kit::ractor::{Actor, ActorProcessingErr, ActorRef};
use busker_kit::{ChildSpec, Pump, PumpEnded, Seat};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::jobs::Order;
use crate::packages::Shared;
use crate::work::Work;

/// Most deploys, deletes and rollbacks waiting on one node.
pub const DEPLOYS_WAITING: usize = 8;
/// Longest time between two passes.
pub const PASS_EVERY: Duration = Duration::from_secs(30);
/// Hints within this time make one pass.
const COALESCE: Duration = Duration::from_millis(50);

/// The child spec of the deployer.
pub(crate) fn spec(shared: &Arc<Shared>) -> ChildSpec {
    let shared = Arc::clone(shared);
    ChildSpec::actor("deployer", "deployer", move |seat| {
        let shared = Arc::clone(&shared);
        (DeployerActor, DeployerArgs { seat, shared })
    })
}

#[derive(Debug)]
struct DeployerActor;

#[derive(Debug)]
struct DeployerArgs {
    seat: Seat,
    shared: Arc<Shared>,
}

impl Actor for DeployerActor {
    type Msg = PumpEnded;
    type State = Pump;
    type Arguments = DeployerArgs;

    async fn pre_start(
        &self,
        me: ActorRef<PumpEnded>,
        args: DeployerArgs,
    ) -> Result<Pump, ActorProcessingErr> {
        let (queue, orders) = mpsc::channel(DEPLOYS_WAITING);
        args.shared.queue.store(Some(queue));
        Ok(Pump::vital("deployer", me, run(args, orders)))
    }

    async fn handle(
        &self,
        _me: ActorRef<PumpEnded>,
        ended: PumpEnded,
        _life: &mut Pump,
    ) -> Result<(), ActorProcessingErr> {
        ended.crash()
    }
}

async fn run(args: DeployerArgs, mut orders: mpsc::Receiver<Order>) {
    let mut hints = args.shared.parts.odb.subscribe();
    let mut work = Work::new(args.shared, args.seat).await;
    work.pass().await;
    loop {
        tokio::select! {
            biased;
            order = orders.recv() => match order {
                Some(order) => work.fulfil(order).await,
                None => return,
            },
            // A pass that was stopped by trouble is due earlier than the tick.
            hinted = timeout(work.next_pass(), hints.changed()) => match hinted {
                Ok(Ok(())) => {
                    sleep(COALESCE).await;
                    hints.mark_unchanged();
                    work.pass().await;
                }
                // The database handle is gone: the node is stopping.
                Ok(Err(_)) => return,
                Err(_) => {
                    work.heal().await;
                    work.pass().await;
                }
            },
        }
    }
}
