package dev.warpwright;

import dev.warpwright.attention.AttentionSpec;
import dev.warpwright.attention.KvCacheSpec;
import dev.warpwright.attention.PageSelection;
import dev.warpwright.attention.PagedAttention;
import dev.warpwright.attention.PagedKvCache;
import dev.warpwright.attention.SelectiveAttention;
import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelProvider;
import dev.warpwright.kernels.OpenOptions;
import dev.warpwright.kernels.PlanCache;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.VendorLibrary;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import dev.warpwright.kernels.sparse.Activations;
import dev.warpwright.kernels.sparse.WeightMatrix;
import dev.warpwright.moe.MoeLayer;
import dev.warpwright.moe.MoeSpec;
import dev.warpwright.moe.MoeWeights;
import dev.warpwright.reduce.Aggregator;
import dev.warpwright.sparse.Linear;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A chosen backend, and everything that can be made on it.
 *
 * <p>May be shared by threads. Whoever makes an object closes it; closing this closes the device,
 * after which objects made on it refuse to work.
 */
public final class Warpwright implements Resource {
  /**
   * Backend name that leaves the choice to the library: CUDA where it is available, else the CPU.
   */
  public static final String AUTO = "auto";

  private static final System.Logger LOG = System.getLogger("dev.warpwright");

  /** Choices that were logged already: each is logged once a JVM. */
  private static final Set<String> LOGGED = ConcurrentHashMap.newKeySet();

  private final KernelDevice device;
  private final Diagnostics diagnostics;
  private final PlanCache plans;

  private Warpwright(KernelDevice device, Diagnostics diagnostics) {
    this.device = device;
    this.diagnostics = diagnostics;
    this.plans = new PlanCache(device);
  }

  /** Opens the best backend with one thread for each processor. */
  public static Warpwright open() {
    return builder().open();
  }

  /** Choice of backend, device and threads. */
  public static Builder builder() {
    return new Builder(BackendChoice.installed());
  }

  /** Collects options of {@link #open}. */
  public static final class Builder {
    private final List<KernelProvider> providers;
    private String backend = AUTO;
    private OpenOptions options = OpenOptions.defaults();

    Builder(List<KernelProvider> providers) {
      this.providers = providers;
    }

    /**
     * A provider's id, or {@link #AUTO}. A backend asked for by name is used or fails, nothing
     * else.
     */
    public Builder backend(String id) {
      backend = Checks.notNull("backend", id);
      return this;
    }

    /** Which of the provider's devices. */
    public Builder ordinal(int ordinal) {
      options = options.withOrdinal(ordinal);
      return this;
    }

    /** Threads of a host backend, the calling one included. */
    public Builder threads(int threads) {
      options = options.withThreads(threads);
      return this;
    }

    /**
     * Whether CUDA multiplies dense F32 matrices by cuBLAS; other backends have no such library.
     * Then a row may have other bits in another batch.
     */
    public Builder vendorLibrary(VendorLibrary use) {
      options = options.withVendorLibrary(use);
      return this;
    }

    /**
     * Opens the backend.
     *
     * @throws dev.warpwright.kernels.ProviderUnavailableException if it is not available, with all
     *     reasons
     * @throws dev.warpwright.kernels.InvalidArgumentException if no provider has the name
     */
    public Warpwright open() {
      BackendChoice choice = new BackendChoice(providers, backend);
      KernelDevice device = choice.open(options);
      Diagnostics diagnostics = choice.report(device);
      if (LOGGED.add(diagnostics.toString())) {
        boolean slow =
            diagnostics.providers().stream()
                .anyMatch(p -> p.id().equals(device.provider()) && !p.warnings().isEmpty());
        LOG.log(
            slow ? System.Logger.Level.WARNING : System.Logger.Level.INFO, diagnostics.toString());
      }
      return new Warpwright(device, diagnostics);
    }
  }

  /** Which backend was chosen, and why each other one was not. */
  public Diagnostics diagnostics() {
    return diagnostics;
  }

  /** The device itself, for plans of single kernels. */
  public KernelDevice device() {
    return device;
  }

  /** A pool of key/value pages and the sequences in it. */
  public PagedKvCache kvCache(KvCacheSpec spec) {
    return new PagedKvCache(device, spec);
  }

  /** Attention over a cache. */
  public PagedAttention attention(AttentionSpec spec) {
    return new PagedAttention(device, spec);
  }

  /** Attention to those pages of a cache in which new tokens may find most. */
  public SelectiveAttention attention(AttentionSpec spec, PageSelection selection) {
    return new SelectiveAttention(device, spec, selection);
  }

  /**
   * A linear layer.
   *
   * @param weights the matrix; copied
   * @param maxRows most rows of one call
   */
  public Linear linear(WeightMatrix weights, int maxRows) {
    return linear(weights, maxRows, Activations.F32);
  }

  /**
   * A linear layer that may round its inputs to 8 bits, which makes products with 4-bit weights
   * faster.
   *
   * @param weights the matrix; copied
   * @param maxRows most rows of one call
   * @param activations how inputs enter the product; 8 bits go with symmetric 4-bit weights only
   */
  public Linear linear(WeightMatrix weights, int maxRows, Activations activations) {
    return new Linear(plans, weights, maxRows, activations);
  }

  /** A mixture-of-experts layer; the weights are copied. */
  public MoeLayer moe(MoeSpec spec, MoeWeights weights) {
    return new MoeLayer(plans, spec, weights);
  }

  /** An aggregator of update vectors. */
  public Aggregator aggregator(TreeReduceSpec spec) {
    return new Aggregator(device, spec);
  }

  /** Closes the device; idempotent. */
  @Override
  public void close() {
    device.close();
  }
}
