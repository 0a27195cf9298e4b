package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The beginnings of texts whose keys and values a cache still has, by their token ids: a new
 * sequence that begins like one of them takes its pages instead of reading the tokens again. Made
 * by {@link PagedKvCache#prefixes}.
 *
 * <p>What is kept is full pages, each under all tokens from the beginning of the text to its own;
 * tokens are compared, not their hashes, so that no collision can give a sequence another's past.
 * The index holds its pages as a sequence does. When a step needs more pages than are free, those
 * that no sequence holds are given back, the ones first that were not used for the longest time,
 * and ends before beginnings.
 *
 * <p>In a cache that notes scores, pages cannot stay shared: every step writes beside all of its
 * sequence's slots, and what it notes is of that sequence. There {@link #adopt} copies the pages
 * and forgets what was noted, which saves reading but no memory; scores are those that the
 * adopter's own tokens give, so that sums over all queries, as H2O takes them, lack those of the
 * beginning.
 *
 * <p>Keys and values depend on nothing but the tokens before only while one model reads them:
 * {@link #clear} when that changes. Sources: Kwon et al. 2023 (vLLM, arXiv 2309.06180), Zheng et
 * al. 2024 (SGLang, arXiv 2312.07104).
 */
public final class PrefixIndex {
  private final PagedKvCache cache;
  private final HeadPages pages;
  private final Node root = new Node(null, new TokenBlock(), new int[0]);

  /** All nodes but the root, those unused for the longest time first, children before parents. */
  private final LinkedHashSet<Node> byUse = new LinkedHashSet<>();

  PrefixIndex(PagedKvCache cache, HeadPages pages) {
    this.cache = cache;
    this.pages = pages;
  }

  /** One page of tokens behind those of its parents; its pages in all rows of a sequence. */
  private static final class Node {
    private final @Nullable Node parent;
    private final TokenBlock block;
    private final int[] pages;
    private final Map<TokenBlock, Node> children = new HashMap<>();

    Node(@Nullable Node parent, TokenBlock block, int[] pages) {
      this.parent = parent;
      this.block = block;
      this.pages = pages;
    }
  }

  /**
   * Keeps the full pages of a sequence for others that begin alike.
   *
   * @param sequence an open sequence of the cache after a step, in all layers; nothing was evicted
   *     from it
   * @param tokens all tokens that it has seen
   * @return tokens of its beginning that are in the index now
   */
  public int add(Sequence sequence, int... tokens) {
    synchronized (cache) {
      cache.requireOwn("sequence", sequence);
      Checks.notNull("tokens", tokens);
      int seen = sequence.position();
      Checks.that(
          sequence.isExact(),
          "sequence",
          "one with chunks from elsewhere or slots in another order",
          "one that read its tokens one after the other");
      Checks.that(tokens.length == seen, "tokens.length", tokens.length, "the sequence's " + seen);
      for (int row = 0; row < sequence.rows(); row++) {
        Checks.that(
            sequence.length(row) == seen,
            "sequence.length",
            sequence.length(row),
            seen + ": a sequence that nothing was evicted from");
      }
      Node node = root;
      List<Node> path = new ArrayList<>();
      for (int index = 0; index < seen / cache.spec().pageSize(); index++) {
        TokenBlock block = block(tokens, index);
        Node child = node.children.get(block);
        if (child == null) {
          child = new Node(node, block, hold(sequence, index));
          node.children.put(block, child);
        }
        path.add(child);
        node = child;
      }
      use(path);
      return path.size() * cache.spec().pageSize();
    }
  }

  /**
   * A new sequence that has the longest known beginning of {@code tokens} already: its {@link
   * Sequence#position} says how long that is. At least one token is left to be read, for its
   * logits. The caller closes the sequence.
   *
   * @param tokens the beginning of a text, at least one token
   * @throws PoolExhaustedException if the cache notes scores and has too few free pages for copies;
   *     nothing has changed then
   */
  public Sequence adopt(int... tokens) {
    synchronized (cache) {
      List<Node> path = path(tokens);
      use(path);
      Sequence sequence = new Sequence(cache, path.size() * cache.spec().pageSize(), tables(path));
      if (cache.notes().scores() != null) {
        try {
          separate(sequence, path.size());
        } catch (RuntimeException e) {
          sequence.close();
          throw e;
        }
      }
      return sequence;
    }
  }

  /** Gives a sequence pages of its own beside which nothing is noted. */
  private void separate(Sequence sequence, int count) {
    PageCopies copies = new PageCopies(pages);
    for (int row = 0; row < sequence.rows(); row++) {
      for (int index = 0; index < count; index++) {
        copies.beforeWriting(sequence, row, index);
      }
    }
    cache.requireFree(copies.count());
    copies.apply(cache.pool());
    for (int row = 0; row < sequence.rows(); row++) {
      cache.notes().forget(sequence, row);
    }
  }

  /**
   * How many tokens {@link #adopt} would find; changes nothing.
   *
   * @param tokens as for {@link #adopt}
   */
  public int known(int... tokens) {
    synchronized (cache) {
      return path(tokens).size() * cache.spec().pageSize();
    }
  }

  /** Head pages that the index holds, alone or with sequences. */
  public long heldPages() {
    synchronized (cache) {
      return (long) byUse.size() * cache.spec().rows();
    }
  }

  /** Gives all pages back. */
  public void clear() {
    synchronized (cache) {
      drop(Long.MAX_VALUE, true);
    }
  }

  private TokenBlock block(int[] tokens, int index) {
    int pageSize = cache.spec().pageSize();
    return new TokenBlock(Arrays.copyOfRange(tokens, index * pageSize, (index + 1) * pageSize));
  }

  /** Holds the pages of one index in all rows. */
  private int[] hold(Sequence sequence, int index) {
    int[] held = new int[sequence.rows()];
    for (int row = 0; row < held.length; row++) {
      held[row] = sequence.page(row, index);
      pages.share(held[row]);
    }
    return held;
  }

  /** The nodes of the longest known beginning that leaves a token. */
  private List<Node> path(int... tokens) {
    Checks.notNull("tokens", tokens);
    Checks.atLeast("tokens.length", tokens.length, 1);
    List<Node> path = new ArrayList<>();
    Node node = root;
    for (int index = 0; index < (tokens.length - 1) / cache.spec().pageSize(); index++) {
      node = node.children.get(block(tokens, index));
      if (node == null) {
        break;
      }
      path.add(node);
    }
    return path;
  }

  /** Page tables of a sequence that holds all pages of a path. */
  private int[][] tables(List<Node> path) {
    int[][] tables = new int[cache.spec().rows()][path.size()];
    for (int index = 0; index < path.size(); index++) {
      for (int row = 0; row < tables.length; row++) {
        tables[row][index] = path.get(index).pages[row];
        pages.share(tables[row][index]);
      }
    }
    return tables;
  }

  private void use(List<Node> path) {
    for (Node node : path.reversed()) {
      byUse.addLast(node);
    }
  }

  /** Pages that would be free if the index held none. */
  long spare() {
    long spare = 0;
    for (Node node : byUse) {
      for (int page : node.pages) {
        spare += pages.holders(page) == 1 ? 1 : 0;
      }
    }
    return spare;
  }

  /** Gives pages back until {@code needed} are free, or all are given back. */
  void letGo(long needed) {
    drop(needed, false);
    // What is left below a node that only the index holds is held by sequences, too.
    drop(needed, true);
  }

  private void drop(long needed, boolean any) {
    for (Iterator<Node> nodes = byUse.iterator(); nodes.hasNext() && pages.count() < needed; ) {
      Node node = nodes.next();
      if (node.children.isEmpty() && (any || frees(node))) {
        nodes.remove();
        if (node.parent != null) {
          node.parent.children.remove(node.block);
        }
        for (int page : node.pages) {
          pages.give(page);
        }
      }
    }
  }

  private boolean frees(Node node) {
    return Arrays.stream(node.pages).anyMatch(page -> pages.holders(page) == 1);
  }
}
