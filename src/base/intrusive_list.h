// A doubly linked list whose links live inside its elements: no allocation, O(1) removal from the middle.
// Owner: the list owns no element; an element outlives its membership.
// Invariant: an element is in at most one list per hook; a hook that is destroyed while linked unlinks itself.
#pragma once

#include "base/assert.h"

#include <cstddef>

namespace millrace {

struct list_hook {
    list_hook* previous = nullptr;
    list_hook* next = nullptr;

    list_hook() = default;
    list_hook(const list_hook&) = delete;
    list_hook& operator=(const list_hook&) = delete;
    ~list_hook() { unlink(); }

    bool linked() const { return next != nullptr; }
    void unlink() noexcept {
        if (!next) return;
        previous->next = next;
        next->previous = previous;
        previous = next = nullptr;
    }
};

// `Tag` tells several hooks of one element apart: struct waiter : hook_of<by_partition>, hook_of<by_timer> {…}.
template <class Tag> struct hook_of : list_hook {};

template <class T, class Tag> class intrusive_list {
    using hook = hook_of<Tag>;

  public:
    intrusive_list() { head_.previous = head_.next = &head_; }
    intrusive_list(const intrusive_list&) = delete;
    intrusive_list& operator=(const intrusive_list&) = delete;
    ~intrusive_list() {
        clear();
        head_.previous = head_.next = nullptr;
    }

    bool empty() const { return head_.next == &head_; }
    void push_back(T& item) { insert_before(head_, item); }
    void push_front(T& item) { insert_before(*head_.next, item); }
    T& front() { return of(*head_.next); }
    T& back() { return of(*head_.previous); }
    // The first element, unlinked; nullptr if the list is empty.
    T* pop_front() {
        if (empty()) return nullptr;
        T& item = front();
        static_cast<hook&>(item).unlink();
        return &item;
    }
    static void remove(T& item) { static_cast<hook&>(item).unlink(); }
    static bool contains(const T& item) { return static_cast<const hook&>(item).linked(); }
    void clear() {
        while (pop_front()) {}
    }
    // Moves all of `other` to the end of this list, in order.
    void splice_back(intrusive_list& other) {
        if (other.empty()) return;
        list_hook* first = other.head_.next;
        list_hook* last = other.head_.previous;
        other.head_.previous = other.head_.next = &other.head_;
        first->previous = head_.previous;
        head_.previous->next = first;
        last->next = &head_;
        head_.previous = last;
    }

    class iterator {
      public:
        explicit iterator(list_hook* at) : at_{at} {}
        T& operator*() const { return of(*at_); }
        T* operator->() const { return &of(*at_); }
        iterator& operator++() {
            at_ = at_->next;
            return *this;
        }
        bool operator==(const iterator&) const = default;

      private:
        list_hook* at_;
    };
    iterator begin() { return iterator{head_.next}; }
    iterator end() { return iterator{&head_}; }

  private:
    static T& of(list_hook& h) { return static_cast<T&>(static_cast<hook&>(h)); }
    void insert_before(list_hook& place, T& item) {
        hook& h = static_cast<hook&>(item);
        MR_ASSERT(!h.linked(), "element is already in a list");
        h.previous = place.previous;
        h.next = &place;
        place.previous->next = &h;
        place.previous = &h;
    }

    list_hook head_;
};

} // namespace millrace
