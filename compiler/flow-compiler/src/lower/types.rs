//! Types as they are written, into handles: names, generics, recursion, refinements, and how a type is
//! shown to people. What fits into what is in `convert`.

use std::collections::BTreeMap;
use std::rc::Rc;

use flow_diagnostics::codes::{names as name_codes, types as codes};
use flow_diagnostics::{Diagnostic, Span};
use flow_grammar::ast::{self, TypeExpr, TypeKind};

use super::{Cx, Lower, doc};
use crate::hir::ConstValue;
use crate::hir::expr::{Local, LocalId};
use crate::names::{BUILTIN_TYPES, Space, Symbol, nearest};
use crate::types::{EnumTy, FieldTy, RecordTy, RefinedTy, Ty, TyKind};

/// How far a declared type without parameters is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Slot {
    #[default]
    Waiting,
    /// Being resolved; a record has its handle already.
    Open(Option<Ty>),
    Done(Ty),
}

impl Lower<'_> {
    /// The handle of a type as it is written.
    pub(super) fn ty(&mut self, cx: &Cx, written: &TypeExpr) -> Ty {
        match &written.kind {
            TypeKind::Error => self.prim.error,
            TypeKind::Paren(inner) => self.ty(cx, inner),
            TypeKind::List(item) => {
                let item = self.ty(cx, item);
                self.list_of(item)
            }
            TypeKind::Nullable(inner) => {
                let inner = self.ty(cx, inner);
                self.nullable(inner)
            }
            TypeKind::Record(fields) => {
                let handle = self.open_type();
                self.record(cx, handle, None, fields);
                handle
            }
            TypeKind::Function(params, result) => {
                let params: Vec<Ty> = params.iter().map(|param| self.ty(cx, param)).collect();
                let result = self.ty(cx, result);
                self.fn_of(params, result)
            }
            TypeKind::Where(base, cond) => self.refined(cx, base, cond),
            TypeKind::Named { name, args } => self.named(cx, name, args, written.span),
        }
    }

    fn named(&mut self, cx: &Cx, name: &ast::Ident, args: &[TypeExpr], span: Span) -> Ty {
        if let Some(ty) = cx.type_params.get(&name.name) {
            return *ty;
        }
        if name.name == "map" {
            return match args {
                [value] => {
                    let value = self.ty(cx, value);
                    self.map_of(value)
                }
                _ => self.arity(name, 1, args.len()),
            };
        }
        if let Some(ty) = self.builtin(&name.name) {
            return if args.is_empty() {
                ty
            } else {
                self.arity(name, 0, args.len())
            };
        }
        match self.find(cx.module, Space::Types, &name.name) {
            Some(Symbol::Unknown) => self.prim.error,
            Some(Symbol::Enum(index)) if args.is_empty() => self.enum_ty(index),
            Some(Symbol::Enum(_)) => self.arity(name, 0, args.len()),
            Some(Symbol::Type(index)) => {
                let wanted = self.names.types[index as usize].decl.params.len();
                if wanted != args.len() {
                    return self.arity(name, wanted, args.len());
                }
                if wanted > 0 {
                    let args: Vec<Ty> = args.iter().map(|arg| self.ty(cx, arg)).collect();
                    return self.instance(index, args);
                }
                self.reference(index, span)
            }
            _ => self.unknown_type(cx, name),
        }
    }

    fn builtin(&mut self, name: &str) -> Option<Ty> {
        Some(match name {
            "bool" => self.prim.bool,
            "int" => self.prim.int,
            "float" => self.prim.float,
            "string" => self.prim.string,
            "duration" => self.prim.duration,
            "time" => self.prim.time,
            "json" => self.prim.json,
            "secret" => self.prim.secret,
            "ErrorClass" => self.error_class(),
            _ => return None,
        })
    }

    fn arity(&mut self, name: &ast::Ident, wanted: usize, got: usize) -> Ty {
        let says = match wanted {
            0 => "takes no type arguments".to_string(),
            1 => "takes one type argument".to_string(),
            n => format!("takes {n} type arguments"),
        };
        self.error(
            codes::TYPE_ARGUMENTS,
            name.span,
            format!("`{name}` {says}, not {got}"),
            "",
        );
        self.prim.error
    }

    fn unknown_type(&mut self, cx: &Cx, name: &ast::Ident) -> Ty {
        let scope = &self.names.scopes[cx.module];
        let known = scope
            .types
            .keys()
            .map(String::as_str)
            .chain(BUILTIN_TYPES.iter().copied());
        let near = match name.name.as_str() {
            "str" | "String" | "text" => Some("string"),
            "integer" | "number" | "i64" => Some("int"),
            "boolean" => Some("bool"),
            "double" | "f64" => Some("float"),
            "any" | "object" => Some("json"),
            "list" | "array" => None,
            _ => nearest(&name.name, known),
        }
        .map(str::to_string);
        let mut diagnostic = Diagnostic::new(name_codes::UNKNOWN_TYPE, format!("there is no type `{name}`"))
            .primary(name.span, "unknown");
        diagnostic = match near {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
                format!("write `{near}`"),
                name.span,
                near,
            ),
            None if name.name == "list" || name.name == "array" => {
                diagnostic.help("a list of T is written `[T]`")
            }
            None => diagnostic.help(format!("declare it: type {name} = …")),
        };
        self.report(diagnostic);
        self.prim.error
    }

    /// Resolves a declared type; a generic one is checked with its parameters as they are.
    pub(super) fn declared_type(&mut self, index: u32) {
        let item = self.names.types[index as usize];
        if item.decl.params.is_empty() {
            self.reference(index, item.decl.name.span);
            return;
        }
        let args: Vec<Ty> = item
            .decl
            .params
            .iter()
            .map(|param| self.param_ty(&param.name))
            .collect();
        self.instance(index, args);
    }

    fn reference(&mut self, index: u32, at: Span) -> Ty {
        let item = self.names.types[index as usize];
        match self.type_slots[index as usize] {
            Slot::Done(ty) | Slot::Open(Some(ty)) => return ty,
            Slot::Open(None) => {
                self.endless(&item.decl.name, at);
                return self.prim.error;
            }
            Slot::Waiting => {}
        }
        if matches!(item.decl.ty.kind, TypeKind::Record(_)) {
            let handle = self.open_type();
            self.fill_type(index, handle);
            return handle;
        }
        self.type_slots[index as usize] = Slot::Open(None);
        let ty = self.ty(&Cx::new(item.module), &item.decl.ty);
        self.type_resolved(index, ty);
        ty
    }

    /// A handle for a declared record whose fields are found later, with [`Lower::fill_type`]; none for what is no
    /// record or takes parameters.
    pub(super) fn type_ahead(&mut self, index: u32) -> Option<Ty> {
        let decl = self.names.types[index as usize].decl;
        let ahead = decl.params.is_empty()
            && matches!(decl.ty.kind, TypeKind::Record(_))
            && self.type_slots[index as usize] == Slot::Waiting;
        ahead.then(|| {
            let handle = self.open_type();
            self.type_slots[index as usize] = Slot::Open(Some(handle));
            handle
        })
    }

    /// Finds the fields of a declared record.
    pub(super) fn fill_type(&mut self, index: u32, handle: Ty) {
        let item = self.names.types[index as usize];
        if let TypeKind::Record(fields) = &item.decl.ty.kind {
            self.type_slots[index as usize] = Slot::Open(Some(handle));
            self.record(&Cx::new(item.module), handle, Some(&item.decl.name.name), fields);
            self.type_resolved(index, handle);
        }
    }

    fn type_resolved(&mut self, index: u32, ty: Ty) {
        self.type_slots[index as usize] = Slot::Done(ty);
        if self.contains_itself(ty, ty, 0) {
            let name = &self.names.types[index as usize].decl.name;
            self.endless(name, name.span);
            self.program.types.set(ty, TyKind::Error);
        }
    }

    fn endless(&mut self, name: &ast::Ident, at: Span) {
        let label = if at == name.span {
            "contains itself"
        } else {
            "needed to know itself"
        };
        self.error(
            name_codes::RECURSIVE_TYPE,
            at,
            format!("`{name}` would never end"),
            label,
        )
        .help = Some("put a list, a map or `?` between: a value has to end somewhere".into());
    }

    /// Whether every value of a record holds another one of the same type.
    fn contains_itself(&self, ty: Ty, whole: Ty, depth: u32) -> bool {
        let TyKind::Record(record) = self.program.types.kind(ty) else {
            return false;
        };
        depth < 32
            && record.fields.iter().any(|field| {
                field.default.is_none()
                    && (field.ty == whole || self.contains_itself(field.ty, whole, depth + 1))
            })
    }

    fn instance(&mut self, index: u32, args: Vec<Ty>) -> Ty {
        let key = (index, args);
        if let Some(ty) = self.instances.get(&key) {
            return *ty;
        }
        let item = self.names.types[index as usize];
        let handle = self.open_type();
        self.instances.insert(key.clone(), handle);
        let params = item.decl.params.iter().map(|param| param.name.clone());
        let mut cx = Cx::new(item.module);
        cx.type_params = Rc::new(params.zip(key.1.iter().copied()).collect());
        if let TypeKind::Record(fields) = &item.decl.ty.kind {
            let shown: Vec<String> = key.1.iter().map(|arg| self.show(*arg)).collect();
            let name = format!("{}<{}>", item.decl.name.name, shown.join(", "));
            self.record(&cx, handle, Some(&name), fields);
            return handle;
        }
        let ty = self.ty(&cx, &item.decl.ty);
        self.instances.insert(key, ty);
        ty
    }

    fn record(&mut self, cx: &Cx, handle: Ty, name: Option<&str>, written: &[ast::TypeField]) {
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        let mut fields = Vec::new();
        for field in written {
            if let Some(first) = seen.insert(&field.name.name, field.name.span) {
                self.twice(&field.name, first);
                continue;
            }
            let ty = self.ty(cx, &field.ty);
            fields.push((
                FieldTy {
                    name: field.name.name.clone(),
                    ty,
                    default: None,
                    doc: doc(field.doc.as_ref()),
                },
                field,
            ));
        }
        let kind = |fields: &[(FieldTy, &ast::TypeField)], name: Option<&str>| {
            let fields = fields.iter().map(|(field, _)| field.clone()).collect();
            TyKind::Record(RecordTy {
                name: name.map(str::to_owned),
                fields,
            })
        };
        self.program.types.set(handle, kind(&fields, name));
        let mut defaults = false;
        for (field, written) in &mut fields {
            if let Some(value) = &written.default {
                field.default = Some(self.constant(cx, value, field.ty).unwrap_or(ConstValue::Null));
                defaults = true;
            }
        }
        if defaults {
            self.program.types.set(handle, kind(&fields, name));
        }
    }

    fn twice(&mut self, name: &ast::Ident, first: Span) {
        self.report(
            Diagnostic::new(codes::DUPLICATE_FIELD, format!("the field `{name}` stands twice"))
                .primary(name.span, "again here")
                .label(first, "first here"),
        );
    }

    fn refined(&mut self, cx: &Cx, base: &TypeExpr, cond: &ast::Expr) -> Ty {
        let base = self.ty(cx, base);
        if base == self.prim.error {
            return base;
        }
        let mut inner = Cx::new(cx.module);
        inner.type_params = Rc::clone(&cx.type_params);
        let it = Local {
            id: LocalId(0),
            name: "it".into(),
            ty: base,
            span: cond.span,
        };
        inner.next = 1;
        inner.locals.push(super::Bound {
            local: it,
            used: true,
            lint: false,
        });
        let checked = self.check(&mut inner, cond, self.prim.bool);
        if checked.ty == self.prim.error {
            return base;
        }
        let text = self.project.sources.slice(cond.span).to_string();
        self.program.types.add(TyKind::Refined(Box::new(RefinedTy {
            base,
            cond: checked,
            text,
        })))
    }

    /// The type of an enum, built when it is first needed.
    pub(super) fn enum_ty(&mut self, index: u32) -> Ty {
        if let Some(ty) = self.enum_tys[index as usize] {
            return ty;
        }
        let handle = self.open_type();
        self.fill_enum(index, handle);
        handle
    }

    /// A handle for an enum whose variants are found later, with [`Lower::fill_enum`].
    pub(super) fn enum_ahead(&mut self, index: u32) -> Option<Ty> {
        self.enum_tys[index as usize].is_none().then(|| {
            let handle = self.open_type();
            self.enum_tys[index as usize] = Some(handle);
            handle
        })
    }

    /// Finds the variants of an enum.
    pub(super) fn fill_enum(&mut self, index: u32, handle: Ty) {
        let item = self.names.enums[index as usize];
        self.enum_tys[index as usize] = Some(handle);
        let cx = Cx::new(item.module);
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        let mut variants = Vec::new();
        for variant in &item.decl.variants {
            if let Some(first) = seen.insert(&variant.name.name, variant.name.span) {
                self.report(crate::names::defined_twice(&variant.name, first));
                continue;
            }
            let params = self.params(&cx, &variant.fields);
            let fields = params
                .into_iter()
                .map(|p| FieldTy {
                    name: p.name.text,
                    ty: p.ty,
                    default: p.default,
                    doc: p.doc,
                })
                .collect();
            variants.push((variant.name.name.clone(), fields));
        }
        let (name, span) = (item.decl.name.name.clone(), item.decl.name.span);
        self.program
            .types
            .set(handle, TyKind::Enum(EnumTy { name, span, variants }));
    }

    /// A handle for a type that is being resolved: a record without fields until it is known.
    fn open_type(&mut self) -> Ty {
        self.program.types.add(TyKind::Record(RecordTy {
            name: None,
            fields: Vec::new(),
        }))
    }

    pub(super) fn list_of(&mut self, item: Ty) -> Ty {
        self.program
            .types
            .intern(format!("[{}]", item.0), TyKind::List(item))
    }

    pub(super) fn map_of(&mut self, value: Ty) -> Ty {
        self.program
            .types
            .intern(format!("map {}", value.0), TyKind::Map(value))
    }

    /// `T?`; of something that may be null already, and of an unknown type, the type itself.
    pub(super) fn nullable(&mut self, inner: Ty) -> Ty {
        match self.program.types.kind(inner) {
            TyKind::Error | TyKind::Null | TyKind::Nullable(_) => inner,
            _ => self
                .program
                .types
                .intern(format!("{}?", inner.0), TyKind::Nullable(inner)),
        }
    }

    pub(super) fn fn_of(&mut self, params: Vec<Ty>, result: Ty) -> Ty {
        let key: Vec<String> = params.iter().map(|ty| ty.0.to_string()).collect();
        self.program.types.intern(
            format!("({}) -> {}", key.join(","), result.0),
            TyKind::Fn(params, result),
        )
    }

    pub(super) fn param_ty(&mut self, name: &str) -> Ty {
        self.program
            .types
            .intern(format!("param {name}"), TyKind::Param(name.to_string()))
    }

    /// A record type that was not declared.
    pub(super) fn record_of(&mut self, fields: Vec<(String, Ty)>) -> Ty {
        let key: Vec<String> = fields
            .iter()
            .map(|(name, ty)| format!("{name}:{}", ty.0))
            .collect();
        let fields = fields
            .into_iter()
            .map(|(name, ty)| FieldTy {
                name,
                ty,
                default: None,
                doc: None,
            })
            .collect::<Vec<_>>();
        self.program.types.intern(
            format!("{{{}}}", key.join(",")),
            TyKind::Record(RecordTy { name: None, fields }),
        )
    }

    /// An enum that is built into the language.
    pub(super) fn builtin_enum(&mut self, name: &str, variants: &[&str]) -> Ty {
        let span = self.project.modules[0].ast.span.before();
        let variants = variants
            .iter()
            .map(|variant| ((*variant).to_string(), Vec::new()))
            .collect();
        let kind = TyKind::Enum(EnumTy {
            name: name.to_string(),
            span,
            variants,
        });
        self.program.types.intern(format!("enum {name}"), kind)
    }

    /// A type as people write it.
    pub(crate) fn show(&self, ty: Ty) -> String {
        crate::types::show(&self.program.types, ty)
    }
}
