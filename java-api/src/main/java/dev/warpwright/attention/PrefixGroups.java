package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/**
 * Sequences in groups that begin with the same pages, so that attention may read these once for the
 * group instead of once a sequence.
 *
 * <p>The sequences' page tables make a tree of common beginnings. A sequence is in one group at
 * most, and a group shares what all its members have in common; the groups are those that leave the
 * fewest pages to be read, {@code Σ over groups (pages shared + Σ over members (own pages))}. What
 * is found depends on the sequences only, not on their order. Source: Zheng et al. 2024 (BatchLLM,
 * arXiv 2412.03594), whose prefixes of several levels are brought to one, here by an exact search.
 */
public final class PrefixGroups {
  private final Sequence[] sequences;
  private final List<Group> groups;

  private PrefixGroups(Sequence[] sequences, List<Group> groups) {
    this.sequences = sequences;
    this.groups = groups;
  }

  /** Sequences that share pages. */
  public static final class Group {
    private final int[] members;
    private final int[] shared;

    Group(int[] members, int[] shared) {
      this.members = members;
      this.shared = shared;
    }

    /** Number of sequences; at least 2. */
    public int size() {
      return members.length;
    }

    /** Index of a member among the sequences; ascending. */
    public int member(int index) {
      return members[index];
    }

    /** Pages that all members share, in all layers and heads; the last ones of a row are not. */
    public long sharedPages() {
      return Arrays.stream(shared).asLongStream().sum();
    }

    /** Leading pages of a row that all members share. */
    int shared(int row) {
      return shared[row];
    }

    /** Pages of the row of which they share most. */
    int longest() {
      return Arrays.stream(shared).max().orElse(0);
    }
  }

  /**
   * Finds the groups.
   *
   * @param sequences open sequences of one cache
   */
  public static PrefixGroups of(Sequence... sequences) {
    Checks.notNull("sequences", sequences);
    Sequence[] checked = sequences.clone();
    if (checked.length == 0) {
      return new PrefixGroups(checked, List.of());
    }
    PagedKvCache cache = Checks.notNull("sequences[0]", checked[0]).cache();
    synchronized (cache) {
      for (int i = 0; i < checked.length; i++) {
        cache.requireOwn("sequences[" + i + "]", checked[i]);
      }
      return new PrefixGroups(checked, groups(checked, new PrefixTree(checked).best()));
    }
  }

  private static List<Group> groups(Sequence[] sequences, int[] groupOf) {
    int count = Arrays.stream(groupOf).max().orElse(-1) + 1;
    List<List<Integer>> members = new ArrayList<>();
    for (int group = 0; group < count; group++) {
      members.add(new ArrayList<>());
    }
    for (int i = 0; i < groupOf.length; i++) {
      if (groupOf[i] >= 0) {
        members.get(groupOf[i]).add(i);
      }
    }
    List<Group> groups = new ArrayList<>();
    for (List<Integer> list : members) {
      int[] indices = list.stream().mapToInt(i -> i).toArray();
      groups.add(new Group(indices, shared(sequences, indices)));
    }
    groups.sort((a, b) -> Integer.compare(a.member(0), b.member(0)));
    return groups;
  }

  private static int[] shared(Sequence[] sequences, int[] members) {
    Sequence first = sequences[members[0]];
    int[] shared = new int[first.rows()];
    for (int row = 0; row < shared.length; row++) {
      shared[row] = Integer.MAX_VALUE;
      for (int i = 1; i < members.length; i++) {
        shared[row] = Math.min(shared[row], first.commonPages(sequences[members[i]], row));
      }
    }
    return shared;
  }

  /** The groups, by their first members; sequences that share nothing are in none. */
  public List<Group> groups() {
    return Collections.unmodifiableList(groups);
  }

  /** Head pages of all sequences, those that several have counted several times. */
  public long pages() {
    long pages = 0;
    for (Sequence sequence : sequences) {
      for (int row = 0; row < sequence.rows(); row++) {
        pages += sequence.pageCount(row);
      }
    }
    return pages;
  }

  /** Head pages that are read when what a group shares is read once. */
  public long pagesRead() {
    long read = pages();
    for (Group group : groups) {
      read -= (group.size() - 1) * group.sharedPages();
    }
    return read;
  }
}
