//! Workers: their signatures (generic ones as they are instantiated), and whether their protocol can deliver
//! the reply. What stands in their braces is in `options`.

use std::rc::Rc;

use flow_bytecode::Protocol;
use flow_diagnostics::codes::{secrets, workers as codes};
use flow_diagnostics::{Diagnostic, Span};
use flow_grammar::ast;

use super::{Cx, Lower, doc, name};
use crate::hir::{Param, Worker};
use crate::names::nearest;
use crate::types::{Ty, TyKind};

/// What a call needs to know of a worker.
pub(crate) struct Sig {
    pub params: Vec<Param>,
    pub reply: Ty,
    /// Of a chat worker, the type of the content where it is not the reply.
    pub content: Option<Ty>,
    /// How many type arguments it takes.
    pub generic: usize,
    /// The name where it was declared.
    pub span: Span,
}

/// The protocols, by name.
pub(super) const PROTOCOLS: &[(&str, Protocol)] = &[
    ("webhook", Protocol::Webhook),
    ("http", Protocol::Http),
    ("openai_chat", Protocol::OpenaiChat),
    ("api_chat", Protocol::ApiChat),
    ("a2a", Protocol::A2a),
    ("mcp", Protocol::Mcp),
    ("mqtt", Protocol::Mqtt),
    ("redis_stream", Protocol::RedisStream),
    ("exec", Protocol::Exec),
    ("store", Protocol::Store),
];

impl Lower<'_> {
    /// The signature of a worker; of a generic one with its type parameters as they are.
    pub(super) fn worker_sig(&mut self, index: u32) -> Rc<Sig> {
        if let Some(sig) = &self.worker_sigs[index as usize] {
            return Rc::clone(sig);
        }
        let decl = self.names.workers[index as usize].decl;
        let args: Vec<Ty> = decl
            .type_params
            .iter()
            .map(|param| self.param_ty(&param.name))
            .collect();
        let sig = Rc::new(self.worker_with(index, &args));
        self.worker_sigs[index as usize] = Some(Rc::clone(&sig));
        sig
    }

    /// The signature with type arguments in place. What is wrong in it has been said at the declaration.
    pub(super) fn worker_instance(&mut self, index: u32, args: &[Ty]) -> Rc<Sig> {
        let generic = self.worker_sig(index);
        if generic.generic == 0 {
            return generic;
        }
        let said = self.out.len();
        let sig = Rc::new(self.worker_with(index, args));
        self.out.truncate(said);
        sig
    }

    fn worker_with(&mut self, index: u32, args: &[Ty]) -> Sig {
        let item = self.names.workers[index as usize];
        let mut cx = Cx::new(item.module);
        let params = item.decl.type_params.iter().map(|param| param.name.clone());
        cx.type_params = Rc::new(params.zip(args.iter().copied()).collect());
        let params = self.params(&cx, &item.decl.params);
        let reply = match &item.decl.result {
            Some(written) => self.ty(&cx, written),
            None => self.prim.json,
        };
        let chat = item.decl.protocol.name == "openai_chat";
        let content = args.first().copied().filter(|content| chat && *content != reply);
        Sig {
            params,
            reply,
            content,
            generic: args.len(),
            span: item.decl.name.span,
        }
    }

    pub(super) fn lower_worker(&mut self, index: u32) {
        let item = self.names.workers[index as usize];
        let decl = item.decl;
        let sig = self.worker_sig(index);
        let mut cx = Cx::new(item.module);
        cx.no_run = false;
        cx.secrets = true;
        let type_params = decl
            .type_params
            .iter()
            .map(|param| (param.name.clone(), self.param_ty(&param.name)));
        cx.type_params = Rc::new(type_params.collect());
        let locals = self.bind_params(&mut cx, &decl.params, &sig.params);
        let protocol = self.protocol(&decl.protocol);
        let mut worker = Worker {
            name: name(&decl.name),
            doc: doc(decl.doc.as_ref()),
            params: sig.params.clone(),
            locals,
            reply: sig.reply,
            protocol: protocol.unwrap_or(Protocol::Webhook),
            options: Vec::new(),
            tags: Vec::new(),
            timeout: None,
            retry: None,
            once: false,
            readonly: false,
        };
        for param in &sig.params {
            if let TyKind::Fn(..) = self.kind(param.ty) {
                self.error(
                    codes::UNDELIVERABLE,
                    param.name.span,
                    "a function cannot be sent to a worker",
                    "",
                );
            }
        }
        match protocol {
            Some(protocol) => {
                self.options(&mut cx, decl, protocol, &mut worker);
                self.deliverable(decl, protocol, &worker);
            }
            None => self.options_blindly(&mut cx, decl),
        }
        self.program.workers.push(worker);
    }

    fn protocol(&mut self, written: &ast::Ident) -> Option<Protocol> {
        if let Some((_, protocol)) = PROTOCOLS.iter().find(|(known, _)| *known == written.name) {
            return Some(*protocol);
        }
        if written.name.is_empty() {
            return None;
        }
        let mut diagnostic = Diagnostic::new(
            codes::UNKNOWN_PROTOCOL,
            format!("there is no protocol `{written}`"),
        )
        .primary(written.span, "unknown");
        diagnostic = if let Some(near) = nearest(&written.name, PROTOCOLS.iter().map(|(known, _)| *known)) {
            diagnostic.help(format!("did you mean `{near}`?")).fix(
                format!("write `{near}`"),
                written.span,
                near,
            )
        } else {
            let list: Vec<String> = PROTOCOLS.iter().map(|(known, _)| format!("`{known}`")).collect();
            diagnostic.help(format!("there are {}", list.join(", ")))
        };
        self.report(diagnostic);
        None
    }

    /// Whether the protocol can bring a reply of the declared type.
    fn deliverable(&mut self, decl: &ast::WorkerDecl, protocol: Protocol, worker: &Worker) {
        let Some(written) = &decl.result else { return };
        let reply = worker.reply;
        if self.has_secret(reply) {
            self.error(
                secrets::SECRET_STORED,
                written.span,
                "a reply cannot have a secret in it",
                "would be stored",
            )
            .help = Some("replies are kept in the run's store; secrets are named, never kept".into());
            return;
        }
        if !self.is_data(reply, 12) {
            let shown = self.show(reply);
            self.error(
                codes::UNDELIVERABLE,
                written.span,
                format!("no worker can reply with `{shown}`"),
                "has no JSON form",
            );
            return;
        }
        let bare = self.bare(reply);
        if matches!(self.kind(bare), TyKind::Error) {
            return;
        }
        let wants = self.undelivered(protocol, worker, bare);
        if let Some(wants) = wants {
            let shown = self.show(reply);
            let protocol = &decl.protocol;
            self.error(
                codes::UNDELIVERABLE,
                written.span,
                format!("`{protocol}` cannot deliver `{shown}`"),
                &format!("is `{shown}`"),
            )
            .help = Some(format!("it can deliver {wants}"));
        }
    }

    /// What the protocol can deliver, where it cannot deliver this type.
    fn undelivered(&self, protocol: Protocol, worker: &Worker, bare: Ty) -> Option<&'static str> {
        let kind = self.kind(bare).clone();
        let is = |wanted: Ty| bare == wanted;
        match protocol {
            Protocol::ApiChat => {
                let text = match &kind {
                    TyKind::Record(record) => record.fields.iter().any(|field| {
                        field.name == "text" && matches!(self.kind(self.core(field.ty)), TyKind::String)
                    }),
                    _ => is(self.prim.string),
                };
                (!text).then_some("a `string`, or a record with `text: string`")
            }
            Protocol::Store => {
                let op = worker
                    .options
                    .iter()
                    .find(|(name, _)| name.text == "op")
                    .map(|(_, value)| &value.kind);
                let op = match op {
                    Some(crate::hir::expr::ExprKind::Const(crate::hir::ConstValue::Str(op))) => op.as_str(),
                    _ => "",
                };
                match op {
                    "get" if !matches!(kind, TyKind::Nullable(_) | TyKind::Json) => {
                        Some("a `T?` or `json`: there may be nothing under the key")
                    }
                    "put" | "delete" if !is(self.prim.bool) => Some("a `bool`"),
                    "list" if !matches!(&kind, TyKind::List(item) if *item == self.prim.string) => {
                        Some("a `[string]`")
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }
}
