package dev.warpwright.attention;

import dev.warpwright.kernels.attention.PageTables;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * One step of a batch in two parts: what its {@link PrefixGroups} share, one request a group that
 * brings the tokens of all members, and what each sequence has of its own. In both the sequences
 * stand group by group, those of no group last.
 */
final class CascadeTables {
  private final Batch batch;
  private final PrefixGroups groups;
  private final PrefixGroups.@Nullable Group[] groupOf;

  /** The sequences in their new order, and how many of them are in groups. */
  private final int[] order;

  private final int grouped;
  private final PageTables shared;
  private final PageTables own;

  CascadeTables(Batch batch) {
    this.batch = batch;
    groups = PrefixGroups.of(batch.openSequences());
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
    shared = shared(new PageTables(spec.layers(), spec.kvHeads(), spec.pageSize()));
    own = own(new PageTables(spec.layers(), spec.kvHeads(), spec.pageSize()));
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

  private PageTables shared(PageTables tables) {
    KvCacheSpec spec = batch.cache().spec();
    tables.begin(groups.groups().size() + 1);
    for (PrefixGroups.Group group : groups.groups()) {
      tables.request(positions(IntStream.range(0, group.size()).map(group::member)));
    }
    tables.request(positions(Arrays.stream(order, grouped, order.length)));
    for (int layer = 0; layer < spec.layers(); layer++) {
      for (PrefixGroups.Group group : groups.groups()) {
        for (int head = 0; head < spec.kvHeads(); head++) {
          int row = batch.cache().row(layer, head);
          batch.sequence(group.member(0)).addFirstTo(tables, row, group.shared(row));
        }
      }
      for (int head = 0; head < spec.kvHeads(); head++) {
        tables.row(0, new int[0], 0, 0);
      }
    }
    return tables;
  }

  /** Logical positions of the step's tokens of some sequences. */
  private int[] positions(IntStream members) {
    PageTables step = batch.tables();
    return members
        .flatMap(i -> IntStream.range(0, step.newTokens(i)).map(token -> step.position(i, token)))
        .toArray();
  }

  private PageTables own(PageTables tables) {
    KvCacheSpec spec = batch.cache().spec();
    PageTables step = batch.tables();
    tables.begin(order.length);
    for (int i : order) {
      if (step.hasTokenPositions()) {
        tables.request(positions(IntStream.of(i)));
      } else {
        tables.request(step.newTokens(i), step.firstPosition(i));
      }
    }
    for (int layer = 0; layer < spec.layers(); layer++) {
      for (int i : order) {
        for (int head = 0; head < spec.kvHeads(); head++) {
          int row = batch.cache().row(layer, head);
          PrefixGroups.Group group = groupOf[i];
          batch.sequence(i).addTo(tables, row, group == null ? 0 : group.shared(row));
        }
      }
    }
    return tables;
  }
}
