import { type ReactNode, useLayoutEffect, useRef } from 'react'

interface Props {
  label: string
  onClose: () => void
  children: ReactNode
}

/** The browser's own: keeps the focus inside, closes with Escape, gives the focus back. */
export function Dialog({ label, onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null)
  // Before the element leaves the page: one that has left it cannot give the focus back.
  useLayoutEffect(() => {
    const element = dialog.current
    element?.showModal()
    return () => element?.close()
  }, [])
  return (
    // Escape is a cancel; a close is also what unmounting does.
    <dialog ref={dialog} aria-label={label} onCancel={onClose} className="card">
      {children}
    </dialog>
  )
}
