//! Every bound of membership, by name and with its unit.

use std::time::Duration;

/// Version of the beacons, of the sessions and of what is said in them. Nodes of another version are seen, not spoken to.
pub const PROTOCOL: u32 = 1;

/// How often a node says that it is there.
pub const BEACON_EVERY: Duration = Duration::from_millis(200);
/// How often silence is looked for.
pub const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Silence after which a peer is suspected: three beacons.
pub const SUSPECT_AFTER: Duration = Duration::from_millis(600);
/// Silence after which a peer is gone: six beacons.
pub const GONE_AFTER: Duration = Duration::from_millis(1_200);
/// Time without our own beacon after which it is we who do not see.
pub const BLIND_AFTER: Duration = Duration::from_millis(600);
/// Time between two of our own beacons that shows a short loss of sight: two of them did not come back.
pub const FLICKER: Duration = Duration::from_millis(450);
/// Difference of clocks, in milliseconds, that is told.
pub const CLOCK_SKEW_MS: i64 = 1_000;
/// Our own beacon must have come back within this many milliseconds for clocks to be compared.
pub const PROMPT_TRIP_MS: i64 = 100;
/// Longest beacon in bytes.
pub const BEACON_BYTES: usize = 16 * 1024;
/// Most peers in a roster.
pub const MEMBERS_MAX: usize = 256;
/// Most nodes under our own name, or of another version, that are remembered so that each is told once.
pub const STRANGERS_MAX: usize = 64;
/// How long a node listens for its own name before it joins.
pub const NAME_CHECK: Duration = Duration::from_millis(600);

/// First and longest pause before the next try to reach Redis.
pub const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));
/// Longest time to connect to Redis.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest time for one command to Redis.
pub const COMMAND_TIMEOUT: Duration = Duration::from_millis(400);

/// Longest lease that goes on without its holder.
pub const LEASE_TTL: Duration = Duration::from_millis(1_500);
/// How often a lease is renewed.
pub const LEASE_RENEW_EVERY: Duration = Duration::from_millis(300);
/// A holder stops this long after it sent its last confirmed renewal.
pub const LEASE_FENCE_AFTER: Duration = Duration::from_millis(1_100);
/// Longest pause of a contender; it looks earlier when the lease runs out earlier.
pub const LEASE_LOOK_EVERY: Duration = Duration::from_millis(1_500);
/// Pause after a request that failed.
pub const LEASE_RETRY: Duration = Duration::from_millis(50);
/// How often a holder asks the database whether its epoch still stands.
pub const LEASE_VERIFY_EVERY: Duration = Duration::from_secs(2);
/// Longest time for one question to the database.
pub const LEASE_ODB_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest time to give a lease back when the node stops.
pub const LEASE_RELEASE_TIMEOUT: Duration = Duration::from_millis(300);
/// Longest time to say good-bye.
pub const LAST_BEACON: Duration = Duration::from_millis(500);

/// Nothing came from a peer for this long: its session ends. `ractor_cluster` says something every five seconds at least.
pub const SESSION_IDLE: Duration = Duration::from_secs(15);
/// A peer took nothing of what was written to it for this long: its session ends.
pub const WRITE_STALL: Duration = Duration::from_secs(3);
/// Bytes read from a stream at once.
pub const READ_BUFFER: usize = 64 * 1024;
/// Longest time from a connection to a session that is ready: TLS, who is who, and the proof of the cookie.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Most connections whose peer is not known yet; more wait in the kernel.
pub const HANDSHAKES_MAX: usize = 64;
/// Longest introduction of a peer, in bytes.
pub const HELLO_BYTES: usize = 1_024;
/// How often sessions are held against the roster.
pub const SESSION_LOOK_EVERY: Duration = Duration::from_millis(200);
/// Pause before the same peer is dialled again.
pub const REDIAL_AFTER: Duration = Duration::from_secs(1);
/// After this long without a session the peer that waits to be dialled dials itself.
pub const DIAL_ANYWAY_AFTER: Duration = Duration::from_secs(5);
/// Largest frame of a session, in bytes.
pub const FRAME_BYTES: u64 = 8 * 1024 * 1024;

/// Largest question to a gateway, in bytes.
pub const QUESTION_BYTES: usize = 64 * 1024;
/// Largest answer of a gateway, in bytes.
pub const ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// Most questions to one peer that wait for their answers.
pub const QUESTIONS_TO_PEER: u32 = 32;
/// Questions of peers that may wait for this node; more are refused.
pub const QUESTIONS_WAITING: usize = 64;
/// Questions of peers that are answered at once.
pub const QUESTIONS_AT_ONCE: usize = 8;
/// Longest time for an answer of a peer, unless the caller has less.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of a frame over Redis.
pub const PIPE_FRAME: usize = 64 * 1024;
/// Bytes that wait between a session and Redis, each way.
pub const PIPE_BUFFER: usize = 1024 * 1024;
/// A frame is sent this often, if only an empty one.
pub const PIPE_KEEPALIVE: Duration = Duration::from_millis(250);
/// No frame for this long: the stream ends.
pub const PIPE_SILENCE: Duration = Duration::from_millis(1_500);
/// Longest time for Redis to take a frame.
pub const PUBLISH_TIMEOUT: Duration = Duration::from_millis(1_500);
/// Longest wait for a peer to answer a knock over Redis.
pub const REDIS_OPEN_TIMEOUT: Duration = Duration::from_secs(2);
