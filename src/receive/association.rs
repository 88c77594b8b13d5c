//! One line from its first byte to its close.
//!
//! Input: a connected socket. Output: objects handed to [`Storage`], answers to the peer, one [`AssociationSummary`].
//! Errors: none go out; what breaks an association is in its summary.
//! Source: PS3.8 9.2 (acceptor), PS3.7 9.3.1, 9.3.5, PS3.4 B.2.

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::access;
use super::options::{ApplicationEntity, Options};
use super::slots::{Slot, Slots};
use super::status::{Refusal, StoreStatus};
use super::storage::{Admission, AssociationOpening, Incoming, ObjectWriter, Storage};
use super::summary::{AssociationSummary, Ending};
use crate::dimse::negotiation::{AcceptedContext, VERIFICATION};
use crate::dimse::{
    AbortReason, Arrival, AssociationRequest, CommandField, CommandSet, Connection, Phase, Quirk, Rejection,
    STATUS_UNRECOGNISED_OPERATION, WireError,
};
use crate::identity::Uid;

/// Offered contexts, and syntaxes of each, that are logged when none is accepted.
const CONTEXTS_LOGGED_MAX: usize = 16;
const SYNTAXES_LOGGED_MAX: usize = 8;

/// What every association shares.
pub(super) struct Service<S> {
    pub(super) options: Options,
    pub(super) storage: S,
    pub(super) associations: Slots,
    pub(super) shutdown: CancellationToken,
}

/// Serves one line until it is closed.
pub(super) async fn run<S: Storage>(service: Arc<Service<S>>, stream: TcpStream, peer: SocketAddr) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "TCP_NODELAY cannot be set");
    }
    let mut connection = Connection::new(stream, service.options.timeouts);
    let request = tokio::select! {
        biased;
        () = service.shutdown.cancelled() => return,
        request = connection.read_request() => request,
    };
    match request {
        Ok(request) => answer(&service, &mut connection, peer, request).await,
        Err(error) => {
            log_unopened(peer, &error);
            abort(&mut connection, &error).await;
        }
    }
    connection.close().await;
}

async fn answer<S: Storage>(
    service: &Service<S>,
    connection: &mut Connection<TcpStream>,
    peer: SocketAddr,
    request: AssociationRequest,
) {
    let opening = |entity: &ApplicationEntity| AssociationOpening {
        association: Uuid::new_v4(),
        called: entity.title.clone(),
        calling: named(&request.calling, peer),
        peer,
    };
    match admit(service, &request, peer, opening).await {
        Ok((entity, opening, _slot)) => {
            let summary = AssociationSummary::begin(&opening, &request);
            let mut association =
                Association { service, connection, opening, summary, contexts: Vec::new(), sequence: 0 };
            association.serve(entity, &request).await;
        }
        Err(rejection) => {
            log_rejected(peer, &request, rejection);
            if let Err(error) = connection.reject(rejection).await {
                tracing::debug!(%peer, %error, "rejection cannot be sent");
            }
        }
    }
}

/// Checks titles, address, limits and room, in this order.
async fn admit<'service, S: Storage>(
    service: &'service Service<S>,
    request: &AssociationRequest,
    peer: SocketAddr,
    opening: impl FnOnce(&ApplicationEntity) -> AssociationOpening,
) -> Result<(&'service ApplicationEntity, AssociationOpening, Slot), Rejection> {
    let entity = access::admit(&service.options.application_entities, request, peer.ip())?;
    if request.contexts.is_empty() || !Connection::<TcpStream>::is_usable_length(request.user.maximum_length) {
        return Err(Rejection::Unspecified);
    }
    let slot = service.associations.take(peer.ip()).ok_or(Rejection::LocalLimit)?;
    let opening = opening(entity);
    match service.storage.association_opened(&opening).await {
        Admission::Admit => Ok((entity, opening, slot)),
        Admission::OutOfResources => Err(Rejection::LocalLimit),
    }
}

struct Association<'service, S> {
    service: &'service Service<S>,
    connection: &'service mut Connection<TcpStream>,
    opening: AssociationOpening,
    summary: AssociationSummary,
    contexts: Vec<AcceptedContext>,
    sequence: u64,
}

impl<S: Storage> Association<'_, S> {
    async fn serve(&mut self, entity: &ApplicationEntity, request: &AssociationRequest) {
        let ended = match self.connection.accept(request, &entity.policy, self.service.options.max_pdu_length).await {
            Ok(contexts) => {
                self.contexts = contexts;
                self.log_contexts(request);
                self.serve_messages().await
            }
            Err(error) => Err(error),
        };
        self.summary.ending = match &ended {
            Ok(ending) => ending.clone(),
            Err(error) => Ending::of(error),
        };
        self.summary.ended = Timestamp::now();
        self.summary.contexts_accepted = self.contexts.len();
        self.summary.quirks.clone_from(self.connection.quirks());
        if self.summary.ending == (Ending::LineClosed { phase: Phase::Idle }) {
            self.summary.quirks.insert(Quirk::ClosedWithoutRelease);
        }
        self.say_last_word(&ended).await;
        self.summary.log();
        self.service.storage.association_ended(&self.summary).await;
    }

    async fn say_last_word(&mut self, ended: &Result<Ending, WireError>) {
        let said = match ended {
            Ok(Ending::Shutdown) => self.connection.abort(AbortReason::ServiceUser).await,
            Ok(_) => self.connection.confirm_release().await,
            Err(error) => {
                abort(self.connection, error).await;
                Ok(())
            }
        };
        if let Err(error) = said {
            tracing::debug!(association = %self.opening.association, %error, "last PDU cannot be sent");
        }
    }

    async fn serve_messages(&mut self) -> Result<Ending, WireError> {
        loop {
            self.connection.start_waiting();
            // Only the wait between messages is cut short: a message under way is answered first.
            tokio::select! {
                biased;
                () = self.service.shutdown.cancelled() => return Ok(Ending::Shutdown),
                waited = self.connection.wait() => waited?,
            }
            match self.connection.next().await? {
                Arrival::Release => return Ok(Ending::Released),
                Arrival::Command { context, command } => self.answer(context, command).await?,
            }
        }
    }

    async fn answer(&mut self, context: u8, mut command: CommandSet) -> Result<(), WireError> {
        match command.field {
            CommandField::StoreRequest => self.store(context, command).await,
            CommandField::EchoRequest => {
                self.connection.skip_data().await?;
                self.summary.echoes += 1;
                if command.sop_class_uid.is_empty() {
                    VERIFICATION.clone_into(&mut command.sop_class_uid);
                }
                self.connection.send_command(context, &command.response(0, "")).await
            }
            // Nothing is under way that could be cancelled, and a cancel request has no response.
            CommandField::CancelRequest => self.connection.skip_data().await,
            field if field.is_response() => {
                self.connection.note(Quirk::UnaskedResponse);
                self.connection.skip_data().await
            }
            field => {
                self.connection.skip_data().await?;
                let comment = format!("operation {:04X}H is not provided", field.code());
                let response = command.response(STATUS_UNRECOGNISED_OPERATION, &comment);
                self.connection.send_command(context, &response).await
            }
        }
    }

    async fn store(&mut self, context: u8, command: CommandSet) -> Result<(), WireError> {
        self.sequence += 1;
        let outcome = match self.incoming(context, &command) {
            Ok(incoming) => self.receive(&incoming).await?,
            Err(refusal) => {
                self.connection.skip_data().await?;
                Err(refusal)
            }
        };
        let (status, comment) = match &outcome {
            Ok(()) => (StoreStatus::Success.code(), ""),
            Err(refusal) => (refusal.status.code(), refusal.comment.as_str()),
        };
        if let Err(refusal) = &outcome {
            tracing::warn!(
                association = %self.opening.association,
                sequence = self.sequence,
                sop_instance_uid = command.sop_instance_uid,
                %refusal,
                "object refused"
            );
        }
        self.summary.note(&command.sop_instance_uid, status);
        self.connection.send_command(context, &command.response(status, comment)).await
    }

    /// Lends the data set to the storage as it arrives. A refused object is read to its end all the same, since only
    /// then the peer listens for the answer.
    async fn receive(&mut self, incoming: &Incoming) -> Result<Result<(), Refusal>, WireError> {
        let mut writer = self.service.storage.begin(incoming).await;
        let limit = self.service.options.limits.object_length;
        let mut received: u64 = 0;
        loop {
            let length = self.connection.data().await?;
            if length == 0 {
                break;
            }
            received += length as u64;
            if received > limit && writer.is_ok() {
                let comment = format!("data set longer than {limit} bytes");
                writer = Err(Refusal::new(StoreStatus::OutOfResources, &comment));
            }
            if let Ok(object) = &mut writer
                && let Err(refusal) = object.write(self.connection.chunk(length)).await
            {
                writer = Err(refusal);
            }
            self.connection.consume(length);
        }
        self.summary.data_set_bytes += received;
        match writer {
            Ok(object) => Ok(object.commit().await),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// What a C-STORE request announces.
    fn incoming(&mut self, context: u8, command: &CommandSet) -> Result<Incoming, Refusal> {
        let accepted = self.contexts.iter().find(|accepted| accepted.id == context);
        let Some(accepted) = accepted.filter(|accepted| accepted.sop_class_uid != VERIFICATION) else {
            return Err(Refusal::new(StoreStatus::SopClassNotSupported, "presentation context is not for storage"));
        };
        if !command.data_set_follows {
            return Err(Refusal::new(StoreStatus::CannotUnderstand, "request announces no data set"));
        }
        if !command.sop_class_uid.is_empty() && command.sop_class_uid != accepted.sop_class_uid {
            self.connection.note(Quirk::AffectedClassDiffers);
            if !self.contexts.iter().any(|accepted| accepted.sop_class_uid == command.sop_class_uid) {
                let comment = "Affected SOP Class was not accepted on this association";
                return Err(Refusal::new(StoreStatus::SopClassNotSupported, comment));
            }
        }
        let uid = |text: &str, what: &str, status| {
            Uid::parse(text).map_err(|_| Refusal::new(status, &format!("{what} is missing or not a UID")))
        };
        Ok(Incoming {
            association: self.opening.association,
            sequence: self.sequence,
            called: self.opening.called.clone(),
            calling: self.opening.calling.clone(),
            peer: self.opening.peer,
            sop_class_uid: uid(&command.sop_class_uid, "Affected SOP Class UID", StoreStatus::SopClassNotSupported)?,
            sop_instance_uid: uid(
                &command.sop_instance_uid,
                "Affected SOP Instance UID",
                StoreStatus::InvalidSopInstance,
            )?,
            transfer_syntax_uid: uid(&accepted.transfer_syntax_uid, "transfer syntax", StoreStatus::ProcessingFailure)?,
        })
    }

    fn log_contexts(&self, request: &AssociationRequest) {
        if self.contexts.is_empty() {
            let offered: Vec<String> = request
                .contexts
                .iter()
                .take(CONTEXTS_LOGGED_MAX)
                .map(|context| {
                    format!(
                        "{} in {}",
                        context.abstract_syntax,
                        context
                            .transfer_syntaxes
                            .iter()
                            .take(SYNTAXES_LOGGED_MAX)
                            .cloned()
                            .collect::<Vec<_>>()
                            .join(" or ")
                    )
                })
                .collect();
            tracing::warn!(
                association = %self.opening.association,
                calling = self.opening.calling,
                contexts = request.contexts.len(),
                offered = offered.join("; "),
                "no presentation context accepted"
            );
        }
    }
}

async fn abort(connection: &mut Connection<TcpStream>, error: &WireError) {
    let Some(reason) = error.abort_reason() else { return };
    if let Err(error) = connection.abort(reason).await {
        tracing::debug!(%error, "abort cannot be sent");
    }
}

fn named(calling: &str, peer: SocketAddr) -> String {
    if calling.is_empty() { format!("UNKNOWN@{}", peer.ip().to_canonical()) } else { calling.to_owned() }
}

/// A line that is closed without a byte is most often a probe of a load balancer and no news.
fn log_unopened(peer: SocketAddr, error: &WireError) {
    if matches!(error, WireError::Closed { .. }) {
        tracing::debug!(%peer, %error, "line ended before an association");
    } else {
        tracing::info!(%peer, %error, "line ended before an association");
    }
}

fn log_rejected(peer: SocketAddr, request: &AssociationRequest, rejection: Rejection) {
    tracing::info!(
        %peer,
        called = request.called,
        calling = request.calling,
        implementation = request.user.implementation_version_name,
        ?rejection,
        "association rejected"
    );
}
