//! Appending to a `Vec` in a loop that is to have no calls.

/// Appends to `vec`, which mostly has room. Other than with `Vec::push`, there is a call only where it has none.
#[inline(always)]
pub fn push_where_there_is_room<T>(vec: &mut Vec<T>, value: T) {
    #[cold]
    #[inline(never)]
    fn push<T>(vec: &mut Vec<T>, value: T) {
        vec.push(value);
    }

    let len = vec.len();
    if len == vec.capacity() {
        return push(vec, value);
    }
    // SAFETY: there is room for one more, which is initialised before the length says that it is there.
    unsafe {
        vec.as_mut_ptr().add(len).write(value);
        vec.set_len(len + 1);
    }
}
