// What Rust's own allocator is asked for, by the rules of truth.h: every function of this
// program that allocates is called with a known number and size of blocks.
use std::alloc::{alloc, alloc_zeroed, dealloc, realloc, Layout};
use std::hint::black_box;

mod shelf {
    pub struct Held<T>(pub Vec<T>);

    pub trait Keep {
        fn keep(&self) -> Held<u8>;
    }

    impl Keep for u32 {
        #[inline(never)]
        fn keep(&self) -> Held<u8> {
            Held(Vec::with_capacity(*self as usize))
        }
    }

    #[inline(never)]
    pub fn zeroed<T: Default + Clone>(count: usize) -> Box<[T]> {
        vec![T::default(); count].into_boxed_slice()
    }
}

use shelf::Keep;

fn small(i: usize) -> Layout {
    Layout::from_size_align(100 * i, 8).unwrap()
}

fn wide(i: usize) -> Layout {
    Layout::from_size_align(64 * i, 64).unwrap()
}

#[inline(never)]
fn take_and_give() {
    for i in 1..=10 {
        unsafe { dealloc(black_box(alloc_zeroed(small(i))), small(i)) };
    }
}

#[inline(never)]
fn take_and_grow() {
    for i in 1..=10 {
        unsafe { black_box(realloc(black_box(alloc(small(i))), small(i), 1000 * i)) };
    }
}

#[inline(never)]
fn take_aligned() {
    for i in 1..=10 {
        unsafe { black_box(alloc(wide(i))) };
    }
}

#[inline(never)]
fn in_a_thread() {
    for i in 1..=50u32 {
        std::mem::forget(black_box(i.keep()));
    }
}

fn main() {
    take_and_give();
    take_and_grow();
    take_aligned();
    std::mem::forget(black_box(shelf::zeroed::<u64>(7)));
    std::thread::spawn(in_a_thread).join().unwrap();
}
