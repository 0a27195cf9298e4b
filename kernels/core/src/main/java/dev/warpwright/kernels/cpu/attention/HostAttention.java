package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.UnsupportedKernelException;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.kernels.attention.AttentionKernels;
import dev.warpwright.kernels.attention.CompactKvSpec;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.MergeStatesSpec;
import dev.warpwright.kernels.attention.PageBoundsSpec;
import dev.warpwright.kernels.attention.PageTransferSpec;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import dev.warpwright.kernels.attention.RerotateKeysSpec;
import dev.warpwright.kernels.attention.RmsNormSpec;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec;
import dev.warpwright.kernels.attention.ScorePagesSpec;
import dev.warpwright.kernels.attention.SelectTokensSpec;
import dev.warpwright.kernels.attention.WindowScoresSpec;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.cpu.HostFamily;
import java.util.List;

/** What the attention kernels of the host providers offer. */
abstract class HostAttention extends HostFamily implements AttentionKernels {
  private final List<DType> poolTypes;

  /** A family of {@code device} whose pools hold one of {@code poolTypes}. */
  HostAttention(HostDevice device, DType... poolTypes) {
    super(device);
    this.poolTypes = List.of(poolTypes);
  }

  @Override
  public final Support support(KernelSpec spec) {
    return switch (spec) {
      case RmsNormSpec norm -> Support.yes();
      case MergeStatesSpec merge -> Support.yes();
      case AppendKvSpec append -> support(append.pool());
      case PagedDecodeSpec decode -> support(decode.pool());
      case PagedPrefillSpec prefill -> support(prefill.pool());
      case WindowScoresSpec window -> support(window.pool());
      case ScoreAccumulateSpec accumulate -> support(accumulate.pool());
      case SelectTokensSpec select -> support(select.pool());
      case CompactKvSpec compact -> support(compact.pool());
      case PageTransferSpec transfer -> support(transfer.pool());
      case RerotateKeysSpec rerotate -> support(rerotate.pool());
      case PageBoundsSpec bounds -> support(bounds.pool());
      case ScorePagesSpec scores -> support(scores.pool());
      default -> Support.no("not an attention kernel");
    };
  }

  private Support support(KvPoolSpec pool) {
    return poolTypes.contains(pool.dtype())
        ? Support.yes()
        : Support.no("not built yet: " + pool.dtype() + " pools; there are " + poolTypes);
  }

  /** Refuses a pool that is not offered, and a closed device. */
  final void requirePool(KvPoolSpec spec) {
    Checks.notNull("spec", spec);
    device().requireOpen();
    Support support = support(spec);
    if (!support.supported()) {
      throw new UnsupportedKernelException(device().place(), KernelId.APPEND_KV, support.reason());
    }
  }
}
