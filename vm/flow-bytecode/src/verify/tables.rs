//! The tables that stand for themselves: strings, constants, types, workers, secrets, sources.

use super::code::Reach;
use super::{At, Checker, Verified, distinct, sized, wrong};
use crate::flow::{Param, RetryPolicy};
use crate::image::{Const, RecordField, Type, Worker};

impl Checker<'_> {
    /// All tables but chunks and flows. Ids that they hold are in range after this.
    pub(super) fn tables(&self) -> Verified {
        let image = self.image;
        sized(image.strings.len(), "strings").at(|| "strings".into())?;
        sized(image.consts.len(), "constants").at(|| "consts".into())?;
        sized(image.types.len(), "types").at(|| "types".into())?;
        sized(image.chunks.len(), "chunks").at(|| "chunks".into())?;
        sized(image.workers.len(), "workers").at(|| "workers".into())?;
        sized(image.flows.len(), "flows").at(|| "flows".into())?;
        sized(image.debug.files.len(), "source files").at(|| "debug.files".into())?;
        for (at, value) in image.consts.iter().enumerate() {
            self.const_entry(value).at(|| format!("consts[{at}]"))?;
        }
        for (at, ty) in image.types.iter().enumerate() {
            self.type_entry(ty).at(|| format!("types[{at}]"))?;
        }
        for (at, worker) in image.workers.iter().enumerate() {
            self.worker_entry(worker).at(|| format!("workers[{at}]"))?;
        }
        self.strs(image.secrets.iter().copied()).at(|| "secrets".into())
    }

    /// Code of workers and types sees nothing of a flow.
    pub(super) fn uses_outside_flows(&self, reach: &[Reach]) -> Verified {
        for (at, worker) in self.image.workers.iter().enumerate() {
            reach[worker.options.index()]
                .outside_flows()
                .at(|| format!("workers[{at}].options"))?;
        }
        for (at, ty) in self.image.types.iter().enumerate() {
            if let Type::Refined { check, .. } = ty {
                reach[check.index()]
                    .outside_flows()
                    .at(|| format!("types[{at}].check"))?;
            }
        }
        Ok(())
    }

    pub(super) fn params(&self, params: &[Param]) -> Verified {
        for (at, param) in params.iter().enumerate() {
            self.param(param).at(|| format!("params[{at}]"))?;
        }
        distinct(self.image, params.iter().map(|param| param.name)).at(|| "params".into())
    }

    pub(super) fn retry(policy: &RetryPolicy) -> Verified {
        let delays = 0 <= policy.backoff_min && policy.backoff_min <= policy.backoff_max;
        if policy.attempts == 0 || !delays || !policy.factor.is_finite() || policy.factor < 0.0 {
            return wrong("a retry policy needs an attempt, and delays that make sense");
        }
        Ok(())
    }

    fn param(&self, param: &Param) -> Verified {
        self.str(param.name)?;
        self.ty(param.ty)?;
        self.strs(param.doc)?;
        param.default.map_or(Ok(()), |id| self.constant(id))
    }

    fn const_entry(&self, value: &Const) -> Verified {
        value.parts().try_for_each(|part| self.constant(part))?;
        match value {
            Const::Str(id) => self.str(*id),
            Const::Float(value) if !value.is_finite() => wrong("a float that is not finite"),
            Const::Record(entries) | Const::Map(entries) => {
                self.strs(entries.iter().map(|(name, _)| *name))?;
                distinct(self.image, entries.iter().map(|(name, _)| *name))
            }
            Const::Variant(tag, entries) => {
                self.str(*tag)?;
                self.strs(entries.iter().map(|(name, _)| *name))?;
                distinct(self.image, entries.iter().map(|(name, _)| *name))
            }
            _ => Ok(()),
        }
    }

    fn type_entry(&self, ty: &Type) -> Verified {
        match ty {
            Type::List(item) | Type::Map(item) | Type::Nullable(item) => self.ty(*item),
            Type::Record { name, fields } => {
                self.strs(*name)?;
                self.record_fields(fields)
            }
            Type::Enum { name, variants } => {
                self.str(*name)?;
                self.strs(variants.iter().copied())?;
                distinct(self.image, variants.iter().copied())
            }
            Type::Union { name, variants } => {
                self.str(*name)?;
                self.strs(variants.iter().map(|(name, _)| *name))?;
                variants
                    .iter()
                    .try_for_each(|(_, fields)| self.record_fields(fields))?;
                distinct(self.image, variants.iter().map(|(name, _)| *name))
            }
            Type::Refined { base, check, text } => {
                self.ty(*base)?;
                self.str(*text)?;
                self.chunk(*check, &[1])
            }
            _ => Ok(()),
        }
    }

    fn record_fields(&self, fields: &[RecordField]) -> Verified {
        for (at, field) in fields.iter().enumerate() {
            let RecordField {
                name,
                ty,
                default,
                doc,
            } = *field;
            self.param(&Param {
                name,
                ty,
                default,
                doc,
            })
            .at(|| format!("fields[{at}]"))?;
        }
        distinct(self.image, fields.iter().map(|field| field.name))
    }

    fn worker_entry(&self, worker: &Worker) -> Verified {
        self.str(worker.name)?;
        self.strs(worker.doc)?;
        self.strs(worker.tags.iter().copied())?;
        self.params(&worker.params)?;
        self.ty(worker.reply)?;
        self.chunk(worker.options, &[worker.params.len()])?;
        worker.retry.as_ref().map_or(Ok(()), Self::retry)?;
        duration(worker.timeout)
    }
}

/// A duration that may be waited for.
pub(super) fn duration(nanos: Option<i64>) -> Verified {
    if nanos.is_some_and(|nanos| nanos < 0) {
        wrong("a negative duration")
    } else {
        Ok(())
    }
}
