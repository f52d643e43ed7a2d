//! The ids that `persistent_id` gives in place of objects.

use pickle_format::Opcode;
use pyo3::prelude::*;

use super::endless::Level;
use super::engine::Engine;
use super::frame::{Saved, Suspendable};

/// An id from `persistent_id`: the id, then BINPERSID.
pub(super) struct PersistentIdFrame<'py> {
    /// Taken when its writing begins.
    id: Option<Bound<'py, PyAny>>,
    level: Level,
}

impl<'py> Suspendable<'py> for PersistentIdFrame<'py> {
    fn resume(&mut self, engine: &mut Engine<'py, '_>) -> PyResult<Saved> {
        // The hook is not asked about the id itself, though it is about the id's parts.
        if let Some(id) = self.id.take()
            && engine.save_object(&id)? == Saved::Suspended
        {
            return Ok(Saved::Suspended);
        }
        engine.encoder.op(Opcode::BinPersId);
        engine.endless.leave(self.level);
        Ok(Saved::Done)
    }
}

impl<'py> Engine<'py, '_> {
    /// Writes the id that the hook gives for `obj`, if it gives one.
    pub(super) fn save_persistent_id(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Option<Saved>> {
        self.before_code_of_others()?;
        let Some(hook) = &self.hooks.persistent_id else { return Ok(None) };
        let id = self.memo.lend(self.py, || hook.call(obj))?;
        if id.is_none() {
            return Ok(None);
        }
        if !self.settings.binary {
            let text = id.str()?;
            let text = text.to_str().ok().filter(|text| text.is_ascii());
            let Some(text) = text else {
                let message = "persistent IDs in protocol 0 must be ASCII strings".into();
                return Err(self.runtime.pickling_error(self.py, message));
            };
            self.encoder.persistent_id_text(text.as_bytes());
            return Ok(Some(Saved::Done));
        }
        let level = self.endless.enter(&id)?;
        self.enter(PersistentIdFrame { id: Some(id), level }).map(Some)
    }
}
