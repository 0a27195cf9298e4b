package dev.warpwright.attention;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The common beginnings of sequences as a tree, and the division into groups that saves most pages.
 *
 * <p>Sequences are sorted by their pages in the first row, so that those below a node stand side by
 * side; a node's weight counts the pages that all of them share in all rows. A group of n sequences
 * at a node of weight w saves (n − 1)·w. A node forms a group of all sequences below it that are in
 * none yet, or leaves them to the nearest node above that forms one: from the leaves up, the best
 * for each such node above.
 */
final class PrefixTree {
  private final Integer[] order;

  /** Leading pages that the sequences i and i + 1 of the order have in common, by row. */
  private final int[][] common;

  private final int[] groupOf;
  private int groups;

  PrefixTree(Sequence[] sequences) {
    order = IntStream.range(0, sequences.length).boxed().toArray(Integer[]::new);
    Arrays.sort(order, Comparator.comparing(i -> sequences[i], Sequence::comparePages));
    common = new int[Math.max(0, order.length - 1)][];
    for (int i = 0; i < common.length; i++) {
      Sequence one = sequences[order[i]];
      Sequence next = sequences[order[i + 1]];
      common[i] = IntStream.range(0, one.rows()).map(row -> one.commonPages(next, row)).toArray();
    }
    groupOf = new int[order.length];
    Arrays.fill(groupOf, -1);
  }

  /** Of each sequence the number of its group, or −1. */
  int[] best() {
    if (order.length > 1) {
      Node root = new Node(0, order.length);
      root.solve(new long[] {0});
      root.assign(0, -1);
    }
    return groupOf;
  }

  /** Sequences from..to − 1 of the order, at least two. */
  private final class Node {
    private final List<Node> children = new ArrayList<>();
    private final List<Integer> leaves = new ArrayList<>();
    private final long weight;

    /** Whether a group is formed here if the nearest above that forms one has a number. */
    private boolean[] forms = new boolean[0];

    Node(int from, int to) {
      int[] shared = common[from].clone();
      for (int i = from + 1; i + 1 < to; i++) {
        for (int row = 0; row < shared.length; row++) {
          shared[row] = Math.min(shared[row], common[i][row]);
        }
      }
      weight = Arrays.stream(shared).asLongStream().sum();
      int start = from;
      for (int i = from; i < to; i++) {
        if (i + 1 == to || common[i][0] == shared[0]) {
          if (start == i) {
            leaves.add(i);
          } else {
            children.add(new Node(start, i + 1));
          }
          start = i + 1;
        }
      }
    }

    /**
     * Finds the most pages that can be saved here.
     *
     * @param above weights of the nodes above, of "none" first
     * @return for each of them, as the nearest that forms a group, what is saved
     */
    private long[] solve(long[] above) {
      long[] here = Arrays.copyOf(above, above.length + 1);
      here[above.length] = weight;
      long[] saved = new long[here.length];
      for (int i = 0; i < saved.length; i++) {
        saved[i] = leaves.size() * here[i];
      }
      for (Node child : children) {
        long[] below = child.solve(here);
        for (int i = 0; i < saved.length; i++) {
          saved[i] += below[i];
        }
      }
      long formed = saved[above.length] - weight;
      forms = new boolean[above.length];
      for (int i = 0; i < above.length; i++) {
        forms[i] = formed > saved[i];
        saved[i] = Math.max(formed, saved[i]);
      }
      return Arrays.copyOf(saved, above.length);
    }

    private void assign(int above, int group) {
      boolean form = forms[above];
      int nearest = form ? forms.length : above;
      int number = form ? groups++ : group;
      for (int leaf : leaves) {
        groupOf[order[leaf]] = number;
      }
      for (Node child : children) {
        child.assign(nearest, number);
      }
    }
  }
}
