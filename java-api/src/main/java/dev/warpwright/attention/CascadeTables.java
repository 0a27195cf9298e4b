package dev.warpwright.attention;

import dev.warpwright.kernels.attention.PageTables;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The steps of a batch in parts: what its {@link PrefixGroups} share, one request a group that
 * brings the tokens of all members, and what each sequence has of its own. In both the sequences
 * stand group by group, those of no group last. The groups stay as long as the sequences only grow:
 * full pages that are shared are not written again, and those of new tokens are not shared.
 *
 * <p>In a step of one token a sequence, which has few queries, long shared beginnings are divided
 * once more, so that there is work for a whole device: into as many runs of pages as the group's
 * longest row needs for runs of {@link #RUN} slots, rounded up to a power of two, but no more than
 * {@link #MOST_PARTS}. Each run is a request of its own, with all tokens of the group. The division
 * depends on the group only.
 */
final class CascadeTables {
  /** Slots of a run. */
  static final int RUN = 1024;

  /** Most runs of a group. */
  static final int MOST_PARTS = 16;

  private final Batch batch;

  /** What had happened to the sequences when the groups were found. */
  private final long[] compactions;

  private final PrefixGroups groups;
  private final PrefixGroups.@Nullable Group[] groupOf;

  /** The sequences in their new order, and how many of them are in groups. */
  private final int[] order;

  private final int grouped;
  private final PageTables shared;
  private final PageTables own;
  private int parts = 1;

  /** Finds the groups; {@link #fill} makes the tables of a step. */
  CascadeTables(Batch batch) {
    this.batch = batch;
    Sequence[] sequences = batch.openSequences();
    compactions = Arrays.stream(sequences).mapToLong(Sequence::compactions).toArray();
    groups = PrefixGroups.of(sequences);
    groupOf = new PrefixGroups.Group[batch.size()];
    order = new int[batch.size()];
    int at = 0;
    for (PrefixGroups.Group group : groups.groups()) {
      for (int i = 0; i < group.size(); i++) {
        groupOf[group.member(i)] = group;
        order[at++] = group.member(i);
      }
    }
    grouped = at;
    for (int i = 0; i < order.length; i++) {
      if (groupOf[i] == null) {
        order[at++] = i;
      }
    }
    KvCacheSpec spec = batch.cache().spec();
    shared = new PageTables(spec.layers(), spec.kvHeads(), spec.pageSize());
    own = new PageTables(spec.layers(), spec.kvHeads(), spec.pageSize());
  }

  /** Whether these are the groups of a batch as it is now. */
  boolean areOf(Batch other) {
    boolean same = other == batch;
    for (int i = 0; i < compactions.length && same; i++) {
      same = batch.sequence(i).compactions() == compactions[i];
    }
    return same;
  }

  /** Makes the tables of the batch's present step. */
  CascadeTables fill() {
    parts = batch.isDecode() ? groups.groups().stream().mapToInt(this::parts).max().orElse(1) : 1;
    fillShared();
    fillOwn();
    return this;
  }

  /** Parts of what a group shares in a step of one token a sequence. */
  private int parts(PrefixGroups.Group group) {
    long runs = ((long) group.longest() * batch.cache().spec().pageSize() + RUN - 1) / RUN;
    int parts = 1;
    while (parts < MOST_PARTS && parts < runs) {
      parts *= 2;
    }
    return parts;
  }

  /** How many times the tokens stand in the shared tables, one part after the other. */
  int parts() {
    return parts;
  }

  /** Whether no sequences share pages. */
  boolean isEmpty() {
    return groups.groups().isEmpty();
  }

  /** What groups share; the tokens of sequences in no group are those of a last request. */
  PageTables shared() {
    return shared;
  }

  /** What each sequence has of its own. */
  PageTables own() {
    return own;
  }

  /** The sequences in the order of these tables. */
  int[] order() {
    return order;
  }

  private void fillShared() {
    KvCacheSpec spec = batch.cache().spec();
    shared.begin(parts * (groups.groups().size() + 1));
    for (int part = 0; part < parts; part++) {
      for (PrefixGroups.Group group : groups.groups()) {
        shared.request(positions(IntStream.range(0, group.size()).map(group::member)));
      }
      shared.request(positions(Arrays.stream(order, grouped, order.length)));
    }
    for (int layer = 0; layer < spec.layers(); layer++) {
      for (int part = 0; part < parts; part++) {
        for (PrefixGroups.Group group : groups.groups()) {
          for (int head = 0; head < spec.kvHeads(); head++) {
            addPart(group, batch.cache().row(layer, head), part);
          }
        }
        for (int head = 0; head < spec.kvHeads(); head++) {
          shared.row(0, new int[0], 0, 0);
        }
      }
    }
  }

  /** Adds a part of a row; an empty one behind the last that the group has. */
  private void addPart(PrefixGroups.Group group, int row, int part) {
    int count = group.shared(row);
    int ofGroup = parts == 1 ? 1 : parts(group);
    int run = (count + ofGroup - 1) / ofGroup;
    int from = Math.min(count, part * run);
    batch.sequence(group.member(0)).addFullTo(shared, row, from, Math.min(count, from + run));
  }

  /** Logical positions of the step's tokens of some sequences. */
  private int[] positions(IntStream members) {
    PageTables step = batch.tables();
    return members
        .flatMap(i -> IntStream.range(0, step.newTokens(i)).map(token -> step.position(i, token)))
        .toArray();
  }

  private void fillOwn() {
    KvCacheSpec spec = batch.cache().spec();
    PageTables step = batch.tables();
    own.begin(order.length);
    for (int i : order) {
      if (step.hasTokenPositions()) {
        own.request(positions(IntStream.of(i)));
      } else {
        own.request(step.newTokens(i), step.firstPosition(i));
      }
    }
    for (int layer = 0; layer < spec.layers(); layer++) {
      for (int i : order) {
        for (int head = 0; head < spec.kvHeads(); head++) {
          int row = batch.cache().row(layer, head);
          PrefixGroups.Group group = groupOf[i];
          batch.sequence(i).addTo(own, row, group == null ? 0 : group.shared(row));
        }
      }
    }
  }
}
