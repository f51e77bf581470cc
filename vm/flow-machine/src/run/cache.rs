//! Kept replies: under which key, when they are looked for, what a hit does. The entries themselves
//! are the host's.

use std::sync::Arc;

use flow_bytecode::{Call, Image, Type, TypeId, Worker};
use serde_json::{Value as Json, json};

use super::Run;
use super::activation::{ActId, Phase, Role};
use super::envelope::Reply;
use crate::effect::CacheKey;
use crate::event::{Effect, EventKind};
use crate::{Fault, border};

impl Run {
    /// Has the host look for a kept reply before the first attempt. Whether it does.
    pub(super) fn look_first(&mut self, id: ActId, call: &Call) -> Result<bool, Fault> {
        let program = self.program.clone();
        let node = &program.image().flows[self.flow_at].nodes[id.node.index()];
        let act = &self.acts[&id];
        let Some(cache) = node
            .cache
            .as_ref()
            .filter(|_| act.role == Role::Normal && act.remade == 0)
        else {
            return Ok(false);
        };
        let Some(frame) = act.call.clone() else {
            return Ok(false);
        };
        let by = match cache.by {
            Some(chunk) => {
                let (step, sight, params) = (act.step, self.sight_of(act), act.params.clone());
                json!({ "by": border::to_json(&self.value(chunk, &params, step, &sight)?) })
            }
            None => {
                json!({ "args": border::to_json(&frame.args), "options": border::to_json(&frame.options) })
            }
        };
        let worker = &program.image().workers[call.worker.index()];
        let key = key(&json!({
            "flow": &**self.program.text(self.flow().name),
            "worker": interface(program.image(), worker, call),
            "of": by,
        }));
        if let Some(act) = self.acts.get_mut(&id) {
            act.cached = Some(Arc::new(key));
        }
        self.set_phase(id, Phase::Looking);
        self.look(id);
        Ok(true)
    }

    /// Hands the lookup of an activation out.
    pub(super) fn look(&mut self, id: ActId) {
        let act = &self.acts[&id];
        let Some(key) = &act.cached else { return };
        let effect = Effect::Look {
            activation: self.full_name(act),
            key: CacheKey::clone(key),
        };
        self.effect(effect);
    }

    /// The host has looked. A kept reply that does not do any more is as good as none.
    pub(super) fn looked(&mut self, id: ActId, found: Option<&Json>) {
        let said = EventKind::CacheHit {
            index: id.index,
            key: self.acts[&id]
                .cached
                .as_ref()
                .map(|key| key.hash.clone())
                .unwrap_or_default(),
        };
        if let Some(Ok(reply)) = found.map(Reply::read)
            && self.accept(id, said, &reply).is_ok()
        {
            return;
        }
        self.set_phase(id, Phase::Queued);
    }

    /// Has the host keep a reply with which an activation succeeded: what it gave and its command.
    pub(super) fn keep_reply(&mut self, id: ActId, reply: &Reply, json: &Json) {
        let Some(key) = self.acts.get(&id).and_then(|act| act.cached.clone()) else {
            return;
        };
        let Some(cache) = &self.node(id.node).cache else {
            return;
        };
        let ttl = cache.ttl;
        let reply = if reply.is_bare {
            json.clone()
        } else {
            json!({ "flow": 1, "output": reply.output, "command": json.get("command") })
        };
        let key = CacheKey::clone(&key);
        self.effect(Effect::Keep { key, reply, ttl });
    }
}

fn key(of: &Json) -> CacheKey {
    let of = border::canonical_json(of);
    CacheKey {
        hash: crate::builtins::hash_of(&of),
        of: String::from_utf8_lossy(&of).into_owned(),
    }
}

/// What a worker is to those who call it: its name, how it is reached, what it takes and gives.
fn interface(image: &Image, worker: &Worker, call: &Call) -> Json {
    let params = worker.params.iter();
    let params: Vec<Json> = params
        .map(|param| json!([image.str(param.name), shape(image, param.ty)]))
        .collect();
    let tags: Vec<&str> = worker.tags.iter().map(|tag| image.str(*tag)).collect();
    json!({
        "name": image.str(worker.name),
        "via": format!("{:?}", worker.protocol),
        "tags": tags,
        "params": params,
        "reply": shape(image, call.reply),
        "content": call.content.map(|ty| shape(image, ty)),
    })
}

/// What values of a type look like. The verifier has refused types that contain themselves.
fn shape(image: &Image, ty: TypeId) -> Json {
    let fields = |fields: &[flow_bytecode::RecordField]| -> Vec<Json> {
        let one = |field: &flow_bytecode::RecordField| json!([image.str(field.name), shape(image, field.ty)]);
        fields.iter().map(one).collect()
    };
    match &image.types[ty.index()] {
        Type::List(item) => json!(["list", shape(image, *item)]),
        Type::Map(item) => json!(["map", shape(image, *item)]),
        Type::Nullable(inner) => json!(["null or", shape(image, *inner)]),
        Type::Record { fields: all, .. } => json!(["record", fields(all)]),
        Type::Enum { variants, .. } => {
            let names: Vec<&str> = variants.iter().map(|name| image.str(*name)).collect();
            json!(["enum", names])
        }
        Type::Union { variants, .. } => {
            let cases: Vec<Json> = variants
                .iter()
                .map(|(tag, of)| json!([image.str(*tag), fields(of)]))
                .collect();
            json!(["union", cases])
        }
        Type::Refined { base, text, .. } => json!(["where", shape(image, *base), image.str(*text)]),
        simple => json!(format!("{simple:?}")),
    }
}
