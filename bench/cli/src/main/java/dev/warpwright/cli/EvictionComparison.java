package dev.warpwright.cli;

import dev.warpwright.Warpwright;
import dev.warpwright.attention.Cake;
import dev.warpwright.attention.EvictionPolicy;
import dev.warpwright.attention.FullCache;
import dev.warpwright.attention.H2o;
import dev.warpwright.attention.KvMerger;
import dev.warpwright.attention.SnapKv;
import dev.warpwright.attention.StreamingLlm;
import dev.warpwright.attention.Tova;
import dev.warpwright.cli.model.Decoder;
import dev.warpwright.cli.model.DecoderOptions;
import dev.warpwright.cli.model.EvictedBits;
import dev.warpwright.cli.model.Model;
import dev.warpwright.cli.model.ModelFormatException;
import dev.warpwright.cli.model.WeightKind;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.UnsupportedKernelException;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.SelectTokensSpec;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntFunction;

/** Measures what each eviction policy costs in quality and saves in memory. */
final class EvictionComparison {
  /** Fewest tokens of a window. */
  static final int SHORTEST = 4;

  private static final int LENGTH = 2048;

  private static final Map<String, IntFunction<EvictionPolicy>> POLICIES = new LinkedHashMap<>();

  static {
    POLICIES.put("StreamingLLM", StreamingLlm::budget);
    POLICIES.put("H2O", H2o::budget);
    POLICIES.put("SnapKV", SnapKv::budget);
    POLICIES.put("TOVA", Tova::new);
    POLICIES.put("CAKE", Cake::budget);
    POLICIES.put("KVMerger", KvMerger::budget);
  }

  private final Warpwright ww;
  private final Model model;
  private final int[][] windows;
  private final int length;
  private final DType kv;

  /** Why policies were left out, by their names. */
  private final Map<String, String> leftOut = new LinkedHashMap<>();

  /**
   * A comparison.
   *
   * @param ww the backend
   * @param model the model
   * @param text text in UTF-8
   * @param count most windows of it
   * @param kv how keys and values are stored
   */
  EvictionComparison(Warpwright ww, Model model, byte[] text, int count, DType kv) {
    this.ww = ww;
    this.model = model;
    this.kv = kv;
    int[] tokens = model.tokenizer().encode(text);
    length = Math.min(Math.min(LENGTH, model.config().positions()), tokens.length);
    windows = new int[length < SHORTEST ? 0 : Math.min(count, tokens.length / length)][];
    for (int i = 0; i < windows.length; i++) {
      windows[i] = Arrays.copyOfRange(tokens, i * length, (i + 1) * length);
    }
  }

  /**
   * One policy with one budget.
   *
   * @param policy its name
   * @param budget slots that a row keeps on average; −1 for all
   * @param bits mean of −log2 p over the second halves of the windows, a token
   * @param difference to the full cache
   * @param error standard error of the difference over the windows; NaN for one window
   * @param kvBytes most keys and values that a sequence held
   */
  record Row(
      String policy, int budget, double bits, double difference, double error, long kvBytes) {}

  /** Number of windows; 0 where the text is too short for one. */
  int windows() {
    return windows.length;
  }

  /** Tokens of a window. */
  int length() {
    return length;
  }

  /** Whether the backend can evict, or why not. */
  Support support() {
    Heads heads = model.config().heads();
    KvPoolSpec pool = new KvPoolSpec(1, 16, heads.headDim(), kv);
    return ww.device().support(new SelectTokensSpec(heads, pool, 1, length(), 0, 0));
  }

  /** Measures the full cache, then each policy that the backend can carry out, with each budget. */
  List<Row> run(int... budgets) throws ModelFormatException {
    List<Row> rows = new ArrayList<>();
    try (Progress progress =
        new Progress("eviction", 1 + (long) POLICIES.size() * budgets.length)) {
      EvictedBits.Result full = measure(new FullCache());
      rows.add(new Row("full cache", -1, mean(full), 0, 0, full.kvBytes()));
      progress.step();
      for (Map.Entry<String, IntFunction<EvictionPolicy>> policy : POLICIES.entrySet()) {
        try {
          for (int budget : budgets) {
            EvictedBits.Result result = measure(policy.getValue().apply(budget));
            rows.add(row(policy.getKey(), budget, result, full));
            progress.step();
          }
        } catch (UnsupportedKernelException e) {
          leftOut.put(policy.getKey(), String.valueOf(e.getMessage()));
        }
      }
    }
    return rows;
  }

  private EvictedBits.Result measure(EvictionPolicy policy) throws ModelFormatException {
    DecoderOptions options =
        DecoderOptions.of(WeightKind.F32, model.config())
            .withKv(kv)
            .withLength(length())
            .withSequences(windows.length)
            .withObservation(policy.observation());
    try (Decoder decoder = new Decoder(ww, model, options)) {
      return new EvictedBits(decoder, windows).measure(policy);
    }
  }

  private static Row row(
      String policy, int budget, EvictedBits.Result result, EvictedBits.Result full) {
    PairedDifference difference = PairedDifference.of(result.bits(), full.bits());
    return new Row(
        policy, budget, mean(result), difference.mean(), difference.error(), result.kvBytes());
  }

  private static double mean(EvictedBits.Result result) {
    return result.bits().stream().mapToDouble(bits -> bits).average().orElseThrow();
  }

  /** Prints rows as a table, with what they are. */
  void print(PrintWriter out, List<Row> rows) {
    TextTable table =
        new TextTable("lrrrr", "cache", "slots a row", "bits/token", "above full", "KV kB");
    for (Row row : rows) {
      table.row(
          row.policy(),
          row.budget() < 0 ? "all" : "" + row.budget(),
          String.format(Locale.ROOT, "%.4f", row.bits()),
          row.budget() < 0 ? "" : new PairedDifference(row.difference(), row.error()).toString(),
          String.format(Locale.ROOT, "%.0f", row.kvBytes() / 1e3));
    }
    table.print(out);
    leftOut.forEach((policy, reason) -> out.println(policy + " is left out: " + reason));
    out.println(
        String.format(
            Locale.ROOT,
            """

            Each of %d windows of %d tokens: the first half is read at once, the cache is cut to its
            slots a row (a layer and kv head, on average), the second half is read token by token and
            the cache cut again every 16. Bits a token over the second half; the difference is paired
            over the windows, ± its standard error. KV: the most that a sequence held meanwhile.""",
            windows(),
            length()));
    out.println();
    out.flush();
  }
}
