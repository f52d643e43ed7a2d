//! Globals: what is written as a module and a name.

use pickle_format::Opcode;
use pyo3::exceptions::{PyAttributeError, PyRuntimeError, PyUnicodeEncodeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::endless::Level;
use super::engine::Engine;
use super::frame::{Saved, Suspendable, save_part};
use python_objects::compat::errors::LOCAL_OBJECT_IS_PICKLING_ERROR;

use crate::by_value::lookup;
use crate::reduce::reduction::Reduction;

/// STACK_GLOBAL: the module's name and the global's, as two strings on the stack.
pub(super) struct GlobalFrame<'py> {
    obj: Bound<'py, PyAny>,
    /// The strings that are still to be saved, the next one last.
    names: Vec<Bound<'py, PyAny>>,
    level: Level,
}

/// Where a global was found.
struct Found<'py> {
    module_name: Bound<'py, PyAny>,
    module: Bound<'py, PyAny>,
    /// The object that has it as an attribute: the module, or a class in it.
    parent: Bound<'py, PyAny>,
    /// The qualified name, as a plain string.
    name: Bound<'py, PyAny>,
    /// Its last part.
    last_name: Bound<'py, PyAny>,
}

impl<'py> Suspendable<'py> for GlobalFrame<'py> {
    fn resume(&mut self, engine: &mut Engine<'py, '_>) -> PyResult<Saved> {
        while let Some(name) = self.names.pop() {
            save_part!(engine, &name);
        }
        engine.encoder.op(Opcode::StackGlobal);
        engine.memo_put(&self.obj)?;
        engine.end_of_care();
        engine.endless.leave(self.level);
        Ok(Saved::Done)
    }
}

impl<'py> Engine<'py, '_> {
    /// A class whose metaclass is `type`.
    pub(super) fn save_type(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Saved> {
        let py = self.py;
        // The types of the singletons are no module's attributes (before `types.NoneType`, Python 3.10).
        let singletons = [py.None().into_bound(py), py.Ellipsis().into_bound(py), py.NotImplemented().into_bound(py)];
        for singleton in singletons {
            if obj.is(singleton.get_type()) {
                let type_type = self.runtime.type_type.bind(py).clone().into_any();
                return self.save_as_call(Reduction::call(type_type, (singleton,).into_pyobject(py)?), obj);
            }
        }
        self.save_global(obj, None)
    }

    /// Writes `obj` as the global `name`, or under its own qualified name.
    ///
    /// # Errors
    /// `PicklingError` if loading would not find this very object there.
    pub(super) fn save_global(
        &mut self,
        obj: &Bound<'py, PyAny>,
        name: Option<&Bound<'py, PyString>>,
    ) -> PyResult<Saved> {
        let py = self.py;
        let name = match name {
            Some(name) => name.clone().into_any(),
            None => match obj.getattr_opt(intern!(py, "__qualname__"))? {
                Some(name) => name,
                None => obj.getattr(intern!(py, "__name__"))?,
            },
        };
        let found = self.find_global(obj, &name)?;
        let protocol = self.settings.protocol;
        if protocol.has_extensions()
            && let Some(code) = self.extension_code(&found.module_name, &name)?
        {
            self.encoder.extension(code);
            return Ok(Saved::Done);
        }
        let nested = !found.parent.is(&found.module);
        let name = if nested { found.name.clone() } else { found.last_name.clone() };
        if protocol.has_stack_global() {
            // A name is a string as a rule, which has no parts; one of a subclass may lead anywhere.
            let level = self.endless.enter(obj)?;
            self.careful();
            return self.enter(GlobalFrame { obj: obj.clone(), names: vec![name, found.module_name], level });
        }
        if nested {
            return self.save_nested_global(obj, found.module_name, &name);
        }
        self.save_global_as_text(&found.module_name, &name)?;
        self.memo_put(obj)?;
        Ok(Saved::Done)
    }

    /// The object must be found again under its name, by the way that loading takes.
    fn find_global(&self, obj: &Bound<'py, PyAny>, name: &Bound<'py, PyAny>) -> PyResult<Found<'py>> {
        let py = self.py;
        let name = name.cast::<PyString>()?;
        let parts = lookup::name_parts(name)?;
        if parts.iter().any(lookup::is_locals) {
            return Err(if LOCAL_OBJECT_IS_PICKLING_ERROR {
                self.runtime.pickling_error(py, format!("Can't pickle local object {}", obj.repr()?))
            } else {
                PyAttributeError::new_err(format!("Can't pickle local object {}", name.repr()?))
            });
        }
        let module_name = match lookup::whichmodule(obj, name.as_any())? {
            Some(module_name) => module_name,
            None => intern!(py, "__main__").clone().into_any(),
        };
        let refuse = |reason: String, cause: Option<PyErr>| -> PyErr {
            let repr = obj.repr().map_or_else(|_| "an object without repr".to_owned(), |repr| repr.to_string());
            let error = self.runtime.pickling_error(py, format!("Can't pickle {repr}: {reason}"));
            because(py, error, cause)
        };
        let module = match import(&module_name) {
            Ok(module) => module,
            Err(error) => return Err(refuse(error.value(py).to_string(), Some(error))),
        };
        let Some(found) = lookup::follow(&module, &parts)? else {
            return Err(refuse(format!("it's not found as {module_name}.{name}"), missing(&module, &parts)));
        };
        if !found.object.is(obj) {
            return Err(refuse(format!("it's not the same object as {module_name}.{name}"), None));
        }
        let last_name = parts.last().unwrap_or(name).clone().into_any();
        let name = if name.is_exact_instance_of::<PyString>() {
            name.clone().into_any()
        } else {
            intern!(py, ".").call_method1(intern!(py, "join"), (parts,))?
        };
        Ok(Found { module_name, module, parent: found.parent, name, last_name })
    }

    /// The code that `copyreg.add_extension` gave to a global.
    fn extension_code(&self, module_name: &Bound<'py, PyAny>, name: &Bound<'py, PyAny>) -> PyResult<Option<u32>> {
        let py = self.py;
        let registry = self.runtime.extension_registry.bind(py);
        if registry.is_empty() {
            return Ok(None);
        }
        let Some(code) = registry.get_item((module_name, name))? else { return Ok(None) };
        // The exceptions are those of Python 3.13; `copyreg.add_extension` lets no such code in.
        let code: i64 = code.extract()?;
        if let Ok(code @ 1..=0x7fff_ffff) = u32::try_from(code) {
            return Ok(Some(code));
        }
        Err(PyRuntimeError::new_err(format!("extension code {code} is out of range")))
    }

    /// GLOBAL: two lines. Below protocol 3 they are ASCII, and name the modules of Python 2 where those differ.
    pub(super) fn save_global_as_text(
        &mut self,
        module_name: &Bound<'py, PyAny>,
        name: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let py = self.py;
        let protocol = self.settings.protocol;
        let (module_name, name) = if self.settings.fix_imports && !protocol.has_utf8_globals() {
            self.python_2_name(module_name, name)?
        } else {
            (module_name.clone(), name.clone())
        };
        let encoding = if protocol.has_utf8_globals() { intern!(py, "utf-8") } else { intern!(py, "ascii") };
        let encode = |what: &str, text: &Bound<'py, PyAny>| -> PyResult<Vec<u8>> {
            match text.call_method1(intern!(py, "encode"), (encoding,)) {
                Ok(bytes) => bytes.extract(),
                Err(error) if error.is_instance_of::<PyUnicodeEncodeError>(py) => {
                    let number = protocol.number();
                    let text = text.repr()?;
                    let message = format!("can't pickle {what} identifier {text} using pickle protocol {number}");
                    Err(because(py, self.runtime.pickling_error(py, message), Some(error)))
                }
                Err(error) => Err(error),
            }
        };
        let (module_name, name) = (encode("module", &module_name)?, encode("global", &name)?);
        self.encoder.global(&module_name, &name);
        Ok(())
    }

    /// The module and name under which Python 2 had a global, from the tables of `_compat_pickle`.
    fn python_2_name(
        &self,
        module_name: &Bound<'py, PyAny>,
        name: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let py = self.py;
        if let Some(pair) = self.runtime.reverse_name_mapping.bind(py).get_item((module_name, name))? {
            let pair = pair.cast_into::<PyTuple>()?;
            return Ok((pair.get_item(0)?, pair.get_item(1)?));
        }
        let module = self.runtime.reverse_import_mapping.bind(py).get_item(module_name)?;
        Ok((module.unwrap_or_else(|| module_name.clone()), name.clone()))
    }
}

/// The module of that name, from `sys.modules` if it is there. `import` would find the same, by way of a Python call.
fn import<'py>(name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let name = name.cast::<PyString>()?;
    if let Some(module) = lookup::imported(name.as_any())? {
        return Ok(module);
    }
    Ok(name.py().import(name)?.into_any())
}

/// `error`, with `cause` as what Python shows before it.
fn because(py: Python<'_>, error: PyErr, cause: Option<PyErr>) -> PyErr {
    if let Some(cause) = cause {
        // An exception that does not let its context be set is still the one to raise.
        let _ = error.value(py).setattr(intern!(py, "__context__"), cause.value(py));
        error.set_cause(py, Some(cause));
    }
    error
}

/// The error that looking a dotted name up ends in.
fn missing<'py>(module: &Bound<'py, PyAny>, parts: &[Bound<'py, PyString>]) -> Option<PyErr> {
    let mut object = module.clone();
    for part in parts {
        match object.getattr(part) {
            Ok(found) => object = found,
            Err(error) => return Some(error),
        }
    }
    None
}
