//! A node with its objects in memory, and a peer that sends whatever bytes it is told to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use resetray::dimse::{CommandField, CommandSet, Quirks, Timeouts};
use resetray::identity::AeTitle;
use resetray::receive::{
    Admission, ApplicationEntity, AssociationOpening, AssociationSummary, Incoming, ObjectWriter, Options, Refusal,
    Storage, StoreStatus, serve,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub(crate) const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
pub(crate) const VERIFICATION: &str = "1.2.840.10008.1.1";
pub(crate) const IMPLICIT: &str = "1.2.840.10008.1.2";
pub(crate) const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const PATIENCE: Duration = Duration::from_secs(10);

/// What the storage saw.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) kept: Vec<(Incoming, Vec<u8>)>,
    pub(crate) abandoned: usize,
    pub(crate) opened: usize,
    pub(crate) summaries: Vec<AssociationSummary>,
}

/// When the storage refuses.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Refuse {
    Never,
    Association,
    Begin,
    Write,
    Commit,
    Panic,
}

#[derive(Clone)]
pub(crate) struct Memory {
    pub(crate) seen: Arc<Mutex<Seen>>,
    refuse: Refuse,
    commit_takes: Duration,
}

pub(crate) struct MemoryObject {
    storage: Memory,
    incoming: Option<Incoming>,
    bytes: Vec<u8>,
}

fn refusal() -> Refusal {
    Refusal::new(StoreStatus::OutOfResources, "no room for this")
}

impl Storage for Memory {
    type Object = MemoryObject;

    async fn begin(&self, incoming: &Incoming) -> Result<MemoryObject, Refusal> {
        if self.refuse == Refuse::Begin {
            return Err(refusal());
        }
        Ok(MemoryObject { storage: self.clone(), incoming: Some(incoming.clone()), bytes: Vec::new() })
    }

    async fn association_opened(&self, _opening: &AssociationOpening) -> Admission {
        self.seen.lock().unwrap().opened += 1;
        if self.refuse == Refuse::Association { Admission::OutOfResources } else { Admission::Admit }
    }

    async fn association_ended(&self, summary: &AssociationSummary) {
        self.seen.lock().unwrap().summaries.push(summary.clone());
    }
}

impl ObjectWriter for MemoryObject {
    async fn write(&mut self, chunk: &[u8]) -> Result<(), Refusal> {
        match self.storage.refuse {
            Refuse::Write => return Err(refusal()),
            Refuse::Panic => panic!("a storage that crashes"),
            _ => {}
        }
        self.bytes.extend(chunk);
        Ok(())
    }

    async fn commit(mut self) -> Result<(), Refusal> {
        if self.storage.refuse == Refuse::Commit {
            return Err(refusal());
        }
        tokio::time::sleep(self.storage.commit_takes).await;
        let kept = (self.incoming.take().unwrap(), std::mem::take(&mut self.bytes));
        self.storage.seen.lock().unwrap().kept.push(kept);
        Ok(())
    }
}

impl Drop for MemoryObject {
    fn drop(&mut self) {
        if self.incoming.is_some() {
            self.storage.seen.lock().unwrap().abandoned += 1;
        }
    }
}

/// A running node on a free port of the loopback.
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) storage: Memory,
    pub(crate) shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Node {
    pub(crate) async fn start() -> Node {
        Node::with(Refuse::Never, options()).await
    }

    pub(crate) async fn with(refuse: Refuse, options: Options) -> Node {
        Node::slow(refuse, options, Duration::ZERO).await
    }

    pub(crate) async fn slow(refuse: Refuse, options: Options, commit_takes: Duration) -> Node {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let storage = Memory { seen: Arc::default(), refuse, commit_takes };
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(serve(listener, options, shutdown.clone(), storage.clone()));
        Node { address, storage, shutdown, task }
    }

    pub(crate) async fn connect(&self) -> Peer {
        Peer { line: TcpStream::connect(self.address).await.unwrap() }
    }

    /// An open association with CT in both uncompressed little-endian syntaxes on context 1, Verification on 3.
    pub(crate) async fn associate(&self) -> Peer {
        let mut peer = self.connect().await;
        peer.send(&request("RESETRAY", "PEER", &user_information(&[]))).await;
        assert_eq!(peer.read().await.unwrap().0, 2);
        peer
    }

    /// Stops the node and tells what it saw.
    pub(crate) async fn stop(self) -> Seen {
        self.shutdown.cancel();
        timeout(PATIENCE, self.task).await.expect("the node stops").unwrap();
        std::mem::take(&mut self.storage.seen.lock().unwrap())
    }

    /// Waits until `count` associations have ended.
    pub(crate) async fn ended(&self, count: usize) {
        let wait = async {
            while self.storage.seen.lock().unwrap().summaries.len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, wait).await.expect("associations end");
    }
}

/// One open application entity RESETRAY.
pub(crate) fn options() -> Options {
    Options::new(vec![ApplicationEntity::open(AeTitle::parse("RESETRAY").unwrap())])
}

/// The same with short time limits.
pub(crate) fn hasty() -> Options {
    let short = Duration::from_millis(150);
    let timeouts = Timeouts { association: short, idle: short, stall: short, ..Timeouts::default() };
    Options { timeouts, ..options() }
}

/// A peer made of bytes.
pub(crate) struct Peer {
    pub(crate) line: TcpStream,
}

impl Peer {
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.line.write_all(bytes).await.unwrap();
    }

    /// The next PDU: type and body; `None` when the line is closed.
    pub(crate) async fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        timeout(PATIENCE, async {
            let mut header = [0; 6];
            self.line.read_exact(&mut header).await.ok()?;
            let mut body = vec![0; u32::from_be_bytes(header[2..].try_into().unwrap()) as usize];
            self.line.read_exact(&mut body).await.ok()?;
            Some((header[0], body))
        })
        .await
        .expect("the node answers in time")
    }

    /// The next command, joined from its fragments, and how many PDUs it took.
    pub(crate) async fn response(&mut self) -> (CommandSet, usize) {
        let (mut joined, mut count) = (Vec::new(), 0);
        loop {
            let (kind, body) = self.read().await.expect("a response");
            assert_eq!(kind, 4, "PDU {kind:#x} {body:?}");
            joined.extend(&body[6..]);
            count += 1;
            if body[5] & 2 != 0 {
                return (CommandSet::parse(&joined, &mut Quirks::new()).unwrap(), count);
            }
        }
    }

    /// Asserts that an A-ABORT with this source and reason comes, and then the end of the line.
    pub(crate) async fn expect_abort(&mut self, origin: u8, reason: u8) {
        assert_eq!(self.read().await, Some((7, vec![0, 0, origin, reason])));
        self.expect_end().await;
    }

    pub(crate) async fn expect_rejection(&mut self, result: u8, source: u8, reason: u8) {
        assert_eq!(self.read().await, Some((3, vec![0, result, source, reason])));
        self.expect_end().await;
    }

    pub(crate) async fn release(&mut self) {
        self.send(&pdu(5, &[0; 4])).await;
        assert_eq!(self.read().await, Some((6, vec![0; 4])));
        self.expect_end().await;
    }

    /// The node closes its side first and waits a moment for ours.
    async fn expect_end(&mut self) {
        assert_eq!(self.read().await, None);
        // Already reset by the node where more was sent than it would read.
        let _ = self.line.shutdown().await;
    }
}

pub(crate) fn pdu(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 0][..], &(body.len() as u32).to_be_bytes(), body].concat()
}

pub(crate) fn item(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 0][..], &(body.len() as u16).to_be_bytes(), body].concat()
}

/// A fragment: control bit 0 marks a command, bit 1 the last one.
pub(crate) fn fragment(context: u8, control: u8, data: &[u8]) -> Vec<u8> {
    [&(data.len() as u32 + 2).to_be_bytes()[..], &[context, control], data].concat()
}

pub(crate) fn context(id: u8, sop_class: &str, syntaxes: &[&str]) -> Vec<u8> {
    let mut body = vec![id, 0, 0, 0];
    body.extend(item(0x30, sop_class.as_bytes()));
    for syntax in syntaxes {
        body.extend(item(0x40, syntax.as_bytes()));
    }
    item(0x20, &body)
}

pub(crate) fn user_information(more: &[u8]) -> Vec<u8> {
    user_information_with(16384, more)
}

pub(crate) fn user_information_with(maximum_length: u32, more: &[u8]) -> Vec<u8> {
    item(0x50, &[item(0x51, &maximum_length.to_be_bytes()), item(0x52, b"1.2.3.4"), more.to_vec()].concat())
}

pub(crate) fn padded(title: &str, padding: u8) -> [u8; 16] {
    let mut bytes = [padding; 16];
    bytes[..title.len()].copy_from_slice(title.as_bytes());
    bytes
}

/// An A-ASSOCIATE-RQ of all its parts.
pub(crate) fn raw_request(version: u16, called: [u8; 16], calling: [u8; 16], variable: &[u8]) -> Vec<u8> {
    let fixed = [&version.to_be_bytes()[..], &[0, 0], &called, &calling, &[0; 32]].concat();
    pdu(1, &[&fixed, variable].concat())
}

/// A usual A-ASSOCIATE-RQ.
pub(crate) fn request(called: &str, calling: &str, user: &[u8]) -> Vec<u8> {
    raw_request(1, padded(called, b' '), padded(calling, b' '), &variable_items(user))
}

pub(crate) fn variable_items(user: &[u8]) -> Vec<u8> {
    let contexts = [context(1, CT, &[EXPLICIT, IMPLICIT]), context(3, VERIFICATION, &[IMPLICIT])].concat();
    [item(0x10, b"1.2.840.10008.3.1.1.1"), contexts, user.to_vec()].concat()
}

pub(crate) fn store_command(message_id: u16, instance: &str) -> Vec<u8> {
    let mut command = CommandSet::new(CommandField::StoreRequest, message_id);
    command.sop_class_uid = CT.to_owned();
    command.sop_instance_uid = instance.to_owned();
    command.priority = Some(0);
    command.data_set_follows = true;
    command.encode()
}

/// A C-STORE request of one command and one data PDU on context 1.
pub(crate) fn store(message_id: u16, instance: &str, data: &[u8]) -> Vec<u8> {
    let command = pdu(4, &fragment(1, 3, &store_command(message_id, instance)));
    [command, pdu(4, &fragment(1, 2, data))].concat()
}

/// Bytes that are not all alike.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    (0..length as u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}
