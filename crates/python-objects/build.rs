//! Makes `cfg(Py_3_xx)`, `cfg(Py_GIL_DISABLED)` and `cfg(PyPy)` known to this crate.
fn main() {
    pyo3_build_config::use_pyo3_cfgs();
}
