package dev.warpwright.softgpu.driver;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.random.RandomGenerator;

/** A graph of operations; an operation runs when all that it depends on is done. */
final class Graph {
  /** Kinds of nodes, with the driver's numbers. */
  enum Kind {
    KERNEL(0),
    COPY(1),
    FILL(2),
    HOST(3),
    CHILD(4),
    EMPTY(5);

    private final int code;

    Kind(int code) {
      this.code = code;
    }

    int code() {
      return code;
    }
  }

  /** One operation. */
  static final class Node {
    private final Kind kind;
    private final Runnable action;
    private final Set<Node> after;
    long handle;

    private Node(Kind kind, Runnable action, Collection<Node> after) {
      this.kind = kind;
      this.action = action;
      this.after = new LinkedHashSet<>(after);
    }

    Kind kind() {
      return kind;
    }

    /** What must be done before. */
    Set<Node> after() {
      return after;
    }
  }

  private final List<Node> nodes = new ArrayList<>();

  Node add(Kind kind, Runnable action, Collection<Node> after) {
    Node node = new Node(kind, action, after);
    nodes.add(node);
    return node;
  }

  List<Node> nodes() {
    return nodes;
  }

  /** The same nodes, whatever is added to this graph later. */
  Graph snapshot() {
    Graph copy = new Graph();
    copy.nodes.addAll(nodes);
    return copy;
  }

  /** Runs everything in a random order that the dependencies allow. */
  void run(RandomGenerator random) {
    Set<Node> done = new HashSet<>();
    List<Node> left = new ArrayList<>(nodes);
    while (!left.isEmpty()) {
      List<Node> ready = left.stream().filter(node -> done.containsAll(node.after)).toList();
      Node next = ready.get(random.nextInt(ready.size()));
      next.action.run();
      done.add(next);
      left.remove(next);
    }
  }

  /** {@code ends} and everything that they depend on. */
  static Set<Node> closure(Collection<Node> ends) {
    Set<Node> all = new HashSet<>();
    Deque<Node> left = new ArrayDeque<>(ends);
    while (!left.isEmpty()) {
      Node node = left.pop();
      if (all.add(node)) {
        left.addAll(node.after);
      }
    }
    return all;
  }
}
