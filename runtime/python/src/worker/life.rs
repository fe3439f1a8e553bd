//! The life of one worker process: fork, greet, deploy, serve, end.

use std::sync::Arc;
use std::time::Duration;

use busker_kit::{Crash, Pump, clock};
use busker_model::report::ReportKind;
use busker_model::{ActorState, ServiceName};
use bytes::BytesMut;
use tokio::time::timeout_at;

use super::{Ending, NotReady, Plan, WorkerArgs};
use crate::calls;
use crate::connection::{Connection, Leave, Loss, Running};
use crate::crew::until;
use crate::frame::{self, Frame, FromWorker, MAX_FRAME_BYTES, ToWorker};
use crate::logs;
use crate::meta::{Deployed, Hello, Welcome};
use crate::wire::{Wire, WireError, read_some};
use crate::zygote::{Process, Zygote};

/// Longest time all modules of a generation may take to be imported.
pub(crate) const DEPLOY_TIMEOUT: Duration = Duration::from_secs(30);
/// Time to learn how a process ended after its socket closed.
const EXIT_GRACE: Duration = Duration::from_millis(200);
/// Time a draining process has to end by itself once nobody waits for an answer of it.
const IDLE_GRACE: Duration = Duration::from_millis(100);
/// Time a process has to leave at once, its last log records written.
const QUIT_GRACE: Duration = Duration::from_millis(100);
/// Time a process has to close its socket after SIGKILL.
const KILL_GRACE: Duration = Duration::from_secs(2);
/// Requests named in the report of a crash.
const NAMED_REQUESTS: usize = 8;

/// Runs a worker from its fork to its end.
pub(super) async fn live(args: &WorkerArgs) -> Ending {
    let plan = &args.plan;
    if plan.is_retired() {
        return Ending::Retired;
    }
    let name = plan.worker_name(args.seat_number);
    let born = match plan.zygote.fork(&name, &plan.pool).await {
        Ok(born) => born,
        Err(fault) => {
            let crash = Crash::new(fault.message.to_string());
            plan.tell(Err(NotReady::NotBorn(fault)));
            return Ending::Crashed(crash);
        }
    };
    let mut wire = born.wire;
    let process = born.process;
    let deployed = match make_ready(plan, &name, &mut wire).await {
        Ok(deployed) => deployed,
        Err(error) => return not_ready(plan, error, &process).await,
    };
    let names: Vec<String> = deployed
        .services
        .iter()
        .map(|service| service.name.clone())
        .collect();
    if plan.services.get_or_init(|| names.clone()) != &names {
        plan.tell(Err(NotReady::Differs));
        return Ending::Crashed(Crash::new("the same files gave different services"));
    }
    serve(args, wire, &process, deployed).await
}

async fn make_ready(plan: &Plan, name: &str, wire: &mut Wire) -> Result<Deployed, WireError> {
    let now = clock::now();
    let hello = greet(&plan.zygote, wire, &plan.pool, name).await?;
    let Hello {
        pid,
        python,
        executable,
        scheduler,
        ..
    } = &hello;
    tracing::debug!(pool = %plan.pool, name, pid, python, executable, scheduler, "a worker is up");
    drop(plan.hello.set(hello));
    wire.deploy(
        ToWorker::Deploy,
        plan.generation,
        &plan.files,
        now + DEPLOY_TIMEOUT,
    )
    .await
}

/// Greets a new process in the words of the configuration.
pub(crate) async fn greet(
    zygote: &Zygote,
    wire: &mut Wire,
    pool: &str,
    worker: &str,
) -> Result<Hello, WireError> {
    let config = &zygote.config;
    let welcome = Welcome {
        window: config.window,
        max_frame_bytes: MAX_FRAME_BYTES,
        switch_interval_ms: config.switch_interval_ms,
        rlimits: config.limits,
        node: &config.node,
        pool,
        worker,
        log_level: &config.log_level,
    };
    wire.greet(&welcome, clock::now()).await
}

async fn not_ready(plan: &Plan, error: WireError, process: &Process) -> Ending {
    if let WireError::Refused(_) = error {
        plan.tell(Err(NotReady::Wire(error, String::new())));
        return Ending::Refused;
    }
    let how = how_it_ended(&plan.zygote, process).await;
    let crash = Crash::new(format!("the worker did not become ready: {error}; {how}"))
        .backtrace(plan.zygote.stderr.text());
    plan.tell(Err(NotReady::Wire(error, how)));
    Ending::Crashed(crash)
}

/// How a process ended whose socket is closed.
pub(crate) async fn how_it_ended(zygote: &Zygote, process: &Process) -> String {
    let exit = zygote.exit_of(process.pid(), EXIT_GRACE).await;
    exit.map_or_else(
        || "the process still runs".to_owned(),
        |exit| exit.to_string(),
    )
}

async fn serve(args: &WorkerArgs, wire: Wire, process: &Process, deployed: Deployed) -> Ending {
    let plan = &args.plan;
    let config = &plan.zygote.config;
    let path = args.seat.path().to_string();
    let (connection, ends) = Connection::new(path, wire.stream, config.window, plan.crew.freed());
    connection.pid.get_or_init(|| process.pid());
    let _tasks = [
        Pump::spawn("python writer", Arc::clone(&connection).write_queued(ends)),
        Pump::spawn(
            "python janitor",
            Arc::clone(&connection).keep_clean(Arc::clone(&plan.crew)),
        ),
        Pump::spawn(
            "python health",
            Arc::clone(&connection).keep_watch(config.rss_soft_bytes),
        ),
    ];
    args.seat.state(ActorState::Running, None);
    plan.crew.join(args.seat_number, Arc::clone(&connection));
    plan.tell(Ok(deployed));
    let end = until_the_end(args, &connection, wire.buffer, process).await;
    plan.crew.leave(args.seat_number);
    finish(args, &connection, process, end).await
}

/// Why a connection ended.
enum End {
    /// The socket closed, or said what makes no sense.
    Unasked(String),
    /// We asked; `killed` when it did not finish in time.
    Asked { leave: Leave, killed: bool },
}

async fn until_the_end(
    args: &WorkerArgs,
    connection: &Arc<Connection>,
    buffer: BytesMut,
    process: &Process,
) -> End {
    let reading = read_frames(connection, &args.plan, buffer);
    tokio::pin!(reading);
    let leave = tokio::select! {
        biased;
        why = &mut reading => return End::Unasked(why),
        leave = connection.asked_to_leave() => leave,
    };
    args.seat.state(ActorState::Draining, Some(&leave.why));
    let end = clock::now() + leave.grace;
    // An idle process ends when it hears this, and would not read a request behind it.
    until(end, || connection.is_settled()).await;
    connection.command(ToWorker::Drain);
    let killed = tokio::select! {
        biased;
        _ = &mut reading => false,
        // It ends by itself when it is idle. With nothing but cancelled requests there is nothing to wait for.
        _ = until(end, || !connection.is_wanted()) => {
            let end = (clock::now() + IDLE_GRACE).min(end);
            timeout_at(end.into(), &mut reading).await.is_err()
        }
    };
    if killed {
        connection.command(ToWorker::Quit);
        let end = clock::now() + QUIT_GRACE;
        if timeout_at(end.into(), &mut reading).await.is_ok() {
            return End::Asked { leave, killed };
        }
        process.kill();
        // What it still had to say is of no use, but its requests must learn that it is gone only when it is.
        drop(timeout_at((clock::now() + KILL_GRACE).into(), &mut reading).await);
    }
    End::Asked { leave, killed }
}

/// Reads until the socket ends. Returns why it did.
async fn read_frames(connection: &Arc<Connection>, plan: &Plan, mut buffer: BytesMut) -> String {
    loop {
        loop {
            match frame::cut(&mut buffer) {
                Ok(Some(frame)) => {
                    if let Err(why) = take(connection, plan, frame) {
                        return why;
                    }
                }
                Ok(None) => break,
                Err(error) => return format!("broke the protocol: {error}"),
            }
        }
        match read_some(&connection.stream, &mut buffer).await {
            Ok(0) => return String::new(),
            Ok(_) => {}
            Err(error) => return format!("its socket failed: {error}"),
        }
    }
}

fn take(connection: &Arc<Connection>, plan: &Plan, frame: Frame) -> Result<(), String> {
    match frame.kind {
        FromWorker::Result | FromWorker::Error => connection.answer(frame),
        FromWorker::Call => calls::take(connection, &plan.ports, frame),
        FromWorker::Log | FromWorker::Out => logs::write(&frame),
        FromWorker::Pong => connection.on_pong(frame.meta().map_err(|error| error.to_string())?),
        kind @ (FromWorker::Hello | FromWorker::Deployed | FromWorker::DeployFail) => {
            return Err(format!("broke the protocol: {kind:?} while it serves"));
        }
    }
    Ok(())
}

/// Counts a crash, tells every request at it, and says how the actor ends.
async fn finish(
    args: &WorkerArgs,
    connection: &Arc<Connection>,
    process: &Process,
    end: End,
) -> Ending {
    let plan = &args.plan;
    connection.shut();
    let running = connection.running();
    let retired = match &end {
        End::Asked { leave, .. } => !leave.replace,
        End::Unasked(_) => plan.is_retired(),
    };
    let asked = matches!(end, End::Asked { .. });
    let reason = reason_of(end, how_it_ended(&plan.zygote, process).await);
    let stderr = plan.zygote.stderr.take();
    if !retired {
        // Before its callers know, or their next call would come too early to be refused.
        count_crash(args, &running, asked);
    }
    connection.end(&Arc::new(Loss {
        worker: connection.name.clone(),
        reason: reason.clone(),
        stderr: stderr.clone(),
    }));
    if retired {
        return Ending::Retired;
    }
    let crash = Crash::new(format!("the worker process ended: {reason}"));
    Ending::Crashed(crash.backtrace(stderr).cause(in_flight(&running)))
}

fn reason_of(end: End, how: String) -> String {
    match end {
        End::Unasked(why) if why.is_empty() => how,
        End::Unasked(why) => format!("{why}; {how}"),
        End::Asked {
            leave,
            killed: true,
        } => format!("{how}, because it was to go ({}) and did not", leave.why),
        End::Asked {
            leave,
            killed: false,
        } => format!("{how}, as asked ({})", leave.why),
    }
}

fn in_flight(running: &[Running]) -> String {
    if running.is_empty() {
        return "no request was in flight".to_owned();
    }
    let named: Vec<String> = running
        .iter()
        .take(NAMED_REQUESTS)
        .map(|request| format!("{} ({})", request.service, request.cid))
        .collect();
    format!("{} requests in flight: {}", running.len(), named.join(", "))
}

/// A worker that we ended is the fault of those that did not end when they were cancelled, not of their neighbours.
fn count_crash(args: &WorkerArgs, running: &[Running], asked: bool) {
    let names: Vec<ServiceName> = running
        .iter()
        .filter(|request| request.unwanted || !asked)
        .map(|request| request.service.clone())
        .collect();
    for name in args.plan.quarantine.count(&names, clock::now()) {
        let reason = format!(
            "service {name} is refused for 30 s: it was in flight at 3 crashes within a minute"
        );
        tracing::error!(service = %name, "{reason}");
        args.seat
            .report(ReportKind::InvocationFailed, Some(reason), None, None);
    }
}
